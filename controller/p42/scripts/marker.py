"""Marker: the line by which p42 knows a file in `commands/` as its own."""

from __future__ import annotations

import hashlib
import re

_MARKER = re.compile(rb"^(?:#|//) p42: Command/([a-z0-9-]+) sha256:([0-9a-f]{16})$", re.MULTILINE)
_HEAD = 4096  # bytes in which the marker stands: after a shebang and a coding line at most


def marker(mark: str, name: str, source: bytes) -> str:
    """The line, without its end. `mark` begins a comment."""
    return f"{mark} p42: Command/{name} sha256:{_digest(source)}"


def marked_name(data: bytes) -> str:
    """The name in the marker of forged bytes; "" where there is none."""
    found = _MARKER.search(data[:_HEAD])
    return found[1].decode() if found else ""


def made_of(data: bytes, source: bytes) -> bool:
    """Whether forged bytes were made of `source`; also those that are nothing but that."""
    found = _MARKER.search(data[:_HEAD])
    return data == source or (found is not None and found[2].decode() == _digest(source))


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()[:16]
