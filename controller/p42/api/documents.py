"""Documents: one YAML stream cut into its documents, so that each can be a file of its own.

A line that begins with `---` separates documents wherever it stands (YAML 1.2, 9.1.4: it cannot
occur inside a scalar), so cutting needs no parser and loses no comment.
"""

from __future__ import annotations

import re

from p42.model.refs import Ref

_MARK = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_NOTHING = re.compile(r"(\s+|[#%][^\n]*|\.\.\.)*")  # blanks, comments, directives, an end mark


def cut(text: str) -> list[str]:
    """The documents of `text` that hold something, in order, without their `---`."""
    return [part.lstrip("\r\n") for part in _MARK.split(text) if not _NOTHING.fullmatch(part)]


def file_name(ref: Ref) -> str:
    """Where the document of `ref` is kept: `command-hello.yaml`."""
    return f"{ref.kind.lower()}-{ref.name}.yaml"


def without(text: str, index: int) -> str:
    """`text` less its document `index` (counted as the parser does, empty ones included)."""
    parts = _MARK.split(text)
    first = 1 if _NOTHING.fullmatch(parts[0]) else 0  # what stands before a first `---`
    del parts[first + index]
    return "---".join(parts)
