"""Parameters that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from p42.model.errors import Exit, InvalidInput, P42Error
from p42.model.quantity import seconds

Files = Annotated[
    list[str] | None,
    typer.Option("-f", "--file", metavar="PATH", help="File or directory; may be given again."),
]
Refs = Annotated[list[str] | None, typer.Argument(metavar="KIND/NAME...", show_default=False)]
Output = Annotated[str, typer.Option("-o", "--output", metavar="FORMAT")]
TableOrJson = Annotated[
    str, typer.Option("-o", "--output", metavar="FORMAT", help="table or json.")
]
Timeout = Annotated[
    str, typer.Option("--timeout", metavar="TIME", help="500ms, 30s, 5m, 2h or 7d.")
]
Follow = Annotated[bool, typer.Option("-f", "--follow", help="Go on as more comes; Ctrl-C ends.")]
Lines = Annotated[
    int, typer.Option("-n", "--lines", metavar="N", min=1, help="How many of the latest.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class Usage(P42Error):
    """An unknown command or flag, or a command without what it needs."""

    code = Exit.USAGE


def duration(text: str, *, flag: str = "--timeout") -> float:
    """Seconds of a flag's value. InvalidInput for what is no duration."""
    try:
        return seconds(text)
    except ValueError as error:
        raise InvalidInput(f"{flag}: {error}") from None


def ref(text: str) -> str:
    """`KIND/NAME` as given. InvalidInput if it is not two words with a slash between."""
    kind, slash, name = text.partition("/")
    if not (kind and slash and name) or "/" in name:
        raise InvalidInput(f"{text!r} is not KIND/NAME, such as command/git-haiku")
    return text
