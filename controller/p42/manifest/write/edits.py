"""Edits: which characters to exchange for a status; the best way first.

Nothing here is trusted: whoever tries an edit parses the result and compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from p42.manifest.write.outline import Outlined, Pair, Refused
from p42.manifest.write.render import as_json, block

KEY = "status"
_BREAK = r"(?:\r\n|\n|\r)"
_REST_OF_LINE = re.compile(rf"[ \t]*(?:(?<=[ \t])#[^\r\n]*)?({_BREAK}|\Z)")
_COMMA = re.compile(r"\s*,\s*\Z")


class Edit(NamedTuple):
    """`text[start:end]` becomes `new`."""

    start: int
    end: int
    new: str


def edits(
    text: str, target: Outlined, pair: Pair | None, wanted: dict[str, Any] | None
) -> Iterator[Edit]:
    """What may do it, best first; none that can is found by trying."""
    if target.flow:
        yield from _flow_edits(text, target, pair, wanted)
    elif pair is not None:
        yield from _block_replacement(text, target, pair, wanted)
    elif wanted is not None:
        yield from _block_insertions(text, target, wanted)


def _block_replacement(
    text: str, target: Outlined, pair: Pair, wanted: dict[str, Any] | None
) -> Iterator[Edit]:
    start = _line_start(text, pair.key_start)
    end = _after_line(text, _content_end(text, pair.value_end))
    if text[start : pair.key_start].strip(" ") or end is None:
        raise Refused("its status block does not stand on lines of its own")
    closing = _break_before(text, end)
    if wanted is not None:
        new = block(wanted, target.column, closing or _style(text)) + closing
        yield Edit(start, end, new)
        return
    if not closing:
        # At the end of a file without a final newline the one before the block was put there with
        # it, or is as good as that: the file goes on ending without.
        yield Edit(start - len(_break_before(text, start)), end, "")
    yield Edit(start, end, "")  # a block scalar above may need its newline


def _block_insertions(text: str, target: Outlined, wanted: dict[str, Any]) -> Iterator[Edit]:
    if not target.pairs:
        return
    last = max(pair.value_end for pair in target.pairs)
    # The second is for a block scalar that keeps the blank lines behind it (`|+`).
    for behind in dict.fromkeys((_content_end(text, last), last)):
        at_margin = behind == last and _break_before(text, behind) != ""
        end = behind if at_margin else _after_line(text, behind)
        if end is None:
            continue
        end = _after_comments(text, end, target.column)
        closing = _break_before(text, end)
        eol = closing or _style(text)
        new = block(wanted, target.column, eol)
        yield Edit(end, end, new + eol if closing else eol + new)


def _flow_edits(
    text: str, target: Outlined, pair: Pair | None, wanted: dict[str, Any] | None
) -> Iterator[Edit]:
    if wanted is not None:
        near = pair or (target.pairs[-1] if target.pairs else None)
        margin = _margin(text, near.key_start) if near is not None else None
        eol = _style(text) if margin is not None else ""
        unit = margin if margin and not _margin(text, target.root_start) else " " * 2
        new = f'"{KEY}": ' + as_json(wanted, eol, margin or "", unit)
        if pair is not None:
            yield Edit(pair.key_start, pair.value_end, new)
        elif near is None:
            yield Edit(target.root_start + 1, target.root_start + 1, new)
        else:
            gap = f",{eol}{margin}" if margin is not None else ", "
            yield Edit(near.value_end, near.value_end, gap + new)
    elif pair is not None:
        yield from _flow_removals(text, target, pair)


def _flow_removals(text: str, target: Outlined, pair: Pair) -> Iterator[Edit]:
    """With the comma before it, else the one after it, else alone."""
    at = target.pairs.index(pair)
    if at > 0 and _COMMA.match(text[target.pairs[at - 1].value_end : pair.key_start]):
        yield Edit(target.pairs[at - 1].value_end, pair.value_end, "")
    if at + 1 < len(target.pairs):
        following = target.pairs[at + 1].key_start
        if _COMMA.match(text[pair.value_end : following]):
            yield Edit(pair.key_start, following, "")
    yield Edit(pair.key_start, pair.value_end, "")


def _content_end(text: str, end: int) -> int:
    """`end` without the blank lines that a block scalar's mark runs over."""
    return len(text[:end].rstrip(" \t\r\n"))


def _after_line(text: str, at: int) -> int | None:
    """Where the next line begins; None if there is more than a comment on the rest of this one."""
    match = _REST_OF_LINE.match(text, at)
    return match.end() if match is not None else None


def _after_comments(text: str, at: int, column: int) -> int:
    """Behind the comments from `at` on that are indented deeper than `column`."""
    comment = re.compile(
        rf"(?:[ \t]*{_BREAK})*(?:[ ]{{{column + 1},}}|[ ]*\t[ \t]*)#[^\r\n]*({_BREAK}|\Z)"
    )
    while (match := comment.match(text, at)) is not None:
        at = match.end()
    return at


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _break_before(text: str, at: int) -> str:
    """The end of line right before `at`; "" if there is none."""
    if text[:at].endswith("\r\n"):
        return "\r\n"
    return text[at - 1] if at and text[at - 1] in "\r\n" else ""


def _style(text: str) -> str:
    """The end of line of this text: its first."""
    match = re.search(_BREAK, text)
    return match[0] if match is not None else "\n"


def _margin(text: str, at: int) -> str | None:
    """What stands before `at` on its line if that is only space and it is not the first line."""
    start = _line_start(text, at)
    margin = text[start:at]
    return margin if start and not margin.strip(" \t") else None
