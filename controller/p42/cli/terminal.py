"""Terminal: whether a person is looking, and what may be shown then."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}
NARROW = 80  # columns, when nothing tells


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` ends at a person's terminal."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def has_colours(stream: TextIO) -> bool:
    """A terminal that shows colours, and nobody said no (https://no-color.org)."""
    return (
        is_terminal(stream)
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") not in ("", "dumb")
    )


def columns(stream: TextIO) -> int:
    """How wide the terminal behind `stream` is."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or NARROW
    except (OSError, ValueError):
        return NARROW


def paint(text: str, colour: str) -> str:
    """`text` in a colour; only for streams that have them."""
    return f"\033[{_COLOURS[colour]}m{text}\033[0m" if colour else text


def plain(text: str) -> str:
    """`text` on one line and without control characters: a manifest must not drive a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}"
                   for c in text)  # fmt: skip


def lines(text: str) -> str:
    """As `plain`, but several lines (and tabs) stay."""
    return "\n".join("\t".join(map(plain, line.split("\t"))) for line in text.split("\n"))


def notice(text: str) -> None:
    """A word to the person, beside the output: on stderr."""
    print(text, file=sys.stderr, flush=True)


def can_ask() -> bool:
    """Whether a question would reach a person and come back."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def agrees(question: str, *, unsaid: bool = True) -> bool:
    """Ask yes or no on the terminal; Enter means `unsaid`. Ask only where `can_ask()`."""
    print(f"{question} {'[Y/n]' if unsaid else '[y/N]'} ", end="", file=sys.stderr, flush=True)
    said = sys.stdin.readline()
    if not said.strip():  # the end of the input is no Enter
        return unsaid and bool(said)
    return said.strip().lower() in ("y", "yes")
