"""Ref: the name of one declared thing, `Kind/name`, the key of everything the engine holds."""

from __future__ import annotations

import re
from typing import NamedTuple

# A DNS label (RFC 1123), starting with a letter: safe as a file name, a host name and an argument.
NAME_PATTERN = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"
_NAME = re.compile(NAME_PATTERN)


class Ref(NamedTuple):
    """One declared thing. Unique over all sources; sorts by kind, then name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """`Kind/name` to a Ref. ValueError if there is no single slash or the name is no label."""
        kind, slash, name = text.partition("/")
        if not slash or not kind or not is_name(name):
            raise ValueError(f"{text!r} is not KIND/NAME")
        return cls(kind, name)


def is_name(text: str) -> bool:
    """Whether `text` may be a `metadata.name`: a DNS label that begins with a letter."""
    return _NAME.fullmatch(text) is not None
