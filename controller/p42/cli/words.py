"""Words: what a person says, in arguments and on standard input, as text that can be sent."""

from __future__ import annotations

import sys

from p42.cli import terminal
from p42.client import link
from p42.model.errors import InvalidInput

REPLACED = "p42: what was no UTF-8 text was replaced by \N{REPLACEMENT CHARACTER}"


def whole(arguments: list[str] | None) -> str:
    """What was said, with standard input, where it is no terminal, behind it; "" = nothing.

    What is no UTF-8 shows as such, and the person is told. InvalidInput for what is too long.
    """
    given = " ".join(arguments or ()).encode("utf-8", "surrogateescape")
    piped = b"" if terminal.is_terminal(sys.stdin) else sys.stdin.buffer.read(link.MOST + 1)
    if len(piped) > link.MOST:
        raise InvalidInput("standard input is more than 1 MiB, the most a message may hold")
    parts = (_text(given).strip(), _text(piped).strip())
    if not (_is_text(given) and _is_text(piped)):
        terminal.notice(REPLACED)
    return "\n\n".join(filter(None, parts))


def typed(text: str) -> str:
    """As `whole`, for what is typed: Python escapes bytes of a terminal that are no UTF-8."""
    data = text.encode("utf-8", "surrogateescape")
    if not _is_text(data):
        terminal.notice(REPLACED)
    return _text(data)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
