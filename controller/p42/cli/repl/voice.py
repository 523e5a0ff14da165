"""Voice: an answer on its way to the terminal: markdown, block by block, as it comes.

A finished block (a paragraph, a list, a fence) is printed for good; the one that grows is shown
below it and drawn anew. Without a terminal it is plain text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from p42.cli import terminal
from p42.cli.repl.still import Still

FENCE = "```"
RATE = 12  # drawings a second; more is flicker


class Voice:
    """`with Voice() as voice: voice.say(text)`."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stdout)
        self._still = Still(self._console.file)
        self._live: Live | None = None
        self._rest = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._still.hush()
            self._live = Live(
                console=self._console, transient=True, refresh_per_second=RATE,
                vertical_overflow="crop",
            )  # fmt: skip
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            try:
                self._end(self._live)
            finally:
                self._still.restore()
        elif self._rest and not self._rest.endswith("\n"):
            sys.stdout.write("\n")
        sys.stdout.flush()

    def _end(self, live: Live) -> None:
        self._live = None
        live.update("")
        live.stop()
        if self._rest.strip():
            self._console.print(Markdown(self._rest))

    def say(self, text: str) -> None:
        """Some more of the answer."""
        text = terminal.lines(text)
        if self._live is None:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._rest = (self._rest + text)[-1:]
            return
        self._rest += text
        while (end := end_of_block(self._rest)) > 0:
            block, self._rest = self._rest[:end], self._rest[end:]
            if block.strip():
                self._live.console.print(Markdown(block))
        self._live.update(Markdown(self._rest))

    def note(self, text: str) -> None:
        """A word beside the answer: a tool that runs."""
        if self._live is None:
            terminal.notice(text)
        else:
            self._live.console.print(Text(text, style="dim"), highlight=False)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The terminal is somebody else's within: what was said stands, nothing is drawn."""
        live = self._live
        if live is None:
            sys.stdout.flush()
            yield
            return
        if self._rest.strip():
            live.console.print(Markdown(self._rest))
        self._rest = ""
        live.update("")
        live.stop()
        self._still.restore()
        try:
            yield
        finally:
            self._still.hush()
            live.start()


def end_of_block(text: str) -> int:
    """Where the first block of `text` is surely over; 0 = it may go on."""
    at, fenced = 0, False
    for line in text.splitlines(keepends=True):
        at += len(line)
        if not line.endswith("\n"):
            return 0
        if line.lstrip().startswith(FENCE):
            fenced = not fenced
            if not fenced:
                return at
        elif not fenced and not line.strip():
            return at
    return 0
