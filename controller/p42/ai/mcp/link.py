"""McpLink: the way to an MCP server, and the one to a program: its input and output.

A link hands each message that comes to `hear`, and sends what that gives back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from p42.model.errors import P42Error
from p42.runtimes.agents.process import AgentProcess
from p42.wire import mcp

Hear = Callable[[Any], Sequence[mcp.Json]]


class Gone(P42Error):
    """The message did not reach the server: it can be sent again, to a new one."""


class Lost(P42Error):
    """The server, or the way to it, ended in the middle: nobody knows what came of it."""


class Link(Protocol):
    """One way to one server."""

    version: str  # of the protocol, once it is agreed on

    async def send(self, message: mcp.Json) -> None:
        """Say it. Raises Gone, and what became of it where the answer comes the same way."""

    async def run(self) -> str:
        """Hear until it ends; how it ended, in half a sentence."""

    async def close(self) -> None:
        """End it."""


class Stdio:
    """A program that reads and writes a message a line."""

    version = ""

    def __init__(self, process: AgentProcess, hear: Hear) -> None:
        self._process, self._hear = process, hear

    async def send(self, message: mcp.Json) -> None:
        """Say it; waits while the program does not read."""
        if self._process.ended.done() or not await self._process.write(mcp.line_of(message)):
            raise Gone("the server reads no more")

    async def run(self) -> str:
        """Hear until the program ends, or writes what is no message."""
        lines = mcp.Lines()
        while data := await self._process.read():
            try:
                for body in lines.feed(data):
                    for reply in self._hear(body):
                        await self._process.write(mcp.line_of(reply))
            except mcp.TooLong as error:
                return f"wrote {error}"
        return await self._process.story()

    async def close(self) -> None:
        """End the program with all it started."""
        await self._process.close()
