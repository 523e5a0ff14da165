"""Strays: what a link leads to out of its source. Told where it would be a manifest, never read.

Whoever may write where the link leads would say what p42 runs, without a word of the person who
named the source.
"""

# Paths as text: see links.py.
# ruff: noqa: PTH113
from __future__ import annotations

import os
import shlex

from p42.manifest import disk, prescan
from p42.manifest.finding import Finding
from p42.manifest.reading import Reading


def led_out(path: str, source: str) -> Finding:
    """Of a manifest at `path` that is, or lies behind, a link out of `source`."""
    hint = f"put a copy here, or: p42 apply -f {shlex.quote(os.path.realpath(path))}"
    message = f"leads out of its source {source} by a link, so it is not read"
    return Finding(0, 1, "link-outside", message, suggestion=hint)


def led_away(source: str) -> Finding | None:
    """Of a source in whose way a link stands now; None = there is none."""
    real = os.path.realpath(source)
    if real == source:
        return None
    hint = f"if that is meant: p42 apply -f {shlex.quote(real)}; "
    hint += f"if not: p42 delete -f {shlex.quote(source)}"
    message = f"the source {source} is a link now, or lies behind one, and is not followed there"
    return Finding(0, 1, "link-source", message, suggestion=hint)


def is_manifest(path: str, reading: Reading) -> bool:
    """Whether what `path` leads to would be a manifest, if it were inside its source."""
    if not os.path.isfile(path):  # a pipe is disturbed by looking alone
        return False
    found = disk.read(os.path.realpath(path), limit=prescan.SIZE_LIMIT, leased=False)
    return found.state in ("read", "large") and reading.is_ours(found.data, path)
