"""McpSession: one conversation with an MCP server: handshake, its tools, calls.

Guarantees: calls may run together; each is answered, refused, or ends with its deadline, with the
server, or with who asked; a server that answers what nobody asked is not heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from p42.ai.mcp.link import Gone, Link, Lost
from p42.model.errors import Blocked, P42Error, TimedOut
from p42.wire import mcp

PAGES = 20  # of tools/list; a server that goes on for ever is not read for ever
FAREWELL = 0.5  # s in which a server that reads is told that a call is not waited for any more


class McpSession:
    """`name` is for messages. `link` is set before `begin`."""

    link: Link

    def __init__(self, name: str, version: str) -> None:
        self.name, self._version = name, version
        self.offers: tuple[mcp.Offer, ...] = ()
        self.stale = False  # the server says that its tools are others now
        self._waiting: dict[int, asyncio.Future[mcp.Json]] = {}
        self._number = 0
        self.ended = ""

    def hear(self, body: Any) -> Sequence[mcp.Json]:
        """A message of the server's; what to send back."""
        replies: list[mcp.Json] = []
        for each in mcp.heard(body):
            match each:
                case mcp.Answer(number, result):
                    self._settle(number, result)
                case mcp.Refusal(number, message):
                    self._fail(number, P42Error(f"{self.name}: {message}"))
                case mcp.Asked(reply):
                    replies.append(reply)
                case mcp.Changed():
                    self.stale = True
        return replies

    def over(self, why: str) -> None:
        """The server has ended."""
        self.ended = f"{self.name}: the server {why}"
        for number in list(self._waiting):
            self._fail(number, Lost(f"{self.ended}, in the middle of this call"))

    async def begin(self) -> None:
        """Shake hands, and see what it offers. Blocked for one that speaks another protocol."""
        told = await self.ask("initialize", mcp.hello(self._version))
        version = str(told.get("protocolVersion", ""))
        if version not in mcp.VERSIONS:
            known = ", ".join(sorted(mcp.VERSIONS))
            raise Blocked(f"{self.name}: it speaks MCP {version[:40]!r}, and p42 {known}")
        self.link.version = version
        await self._send(mcp.notification("notifications/initialized"))
        if isinstance(told.get("capabilities"), dict) and "tools" in told["capabilities"]:
            await self.look()

    async def look(self) -> None:
        """See what it offers now."""
        found: list[mcp.Offer] = []
        self.stale, cursor = False, ""
        for _ in range(PAGES):
            listed = await self.ask("tools/list", {"cursor": cursor} if cursor else {})
            more, cursor = mcp.offers(listed)
            found += more
            if not cursor:
                break
        self.offers = tuple(found)

    async def call(self, tool: str, arguments: Mapping[str, Any], *, seconds: float) -> str:
        """What it gave, as text. P42Error with that text where the tool failed; TimedOut."""
        try:
            async with asyncio.timeout(seconds):
                result = await self.ask("tools/call", {"name": tool, "arguments": dict(arguments)})
        except TimeoutError:
            raise TimedOut(f"{self.name}: {tool} was not done within {seconds:g} s") from None
        text, failed = mcp.text_of(result)
        if failed:
            raise P42Error(text or "the tool failed and did not say why")
        return text

    async def ask(self, method: str, params: Mapping[str, Any]) -> mcp.Json:
        """A result. Raises Gone where it was not sent, Lost where the server ended meanwhile."""
        self._number += 1
        number = self._number
        future: asyncio.Future[mcp.Json] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            await self._send(mcp.request(number, method, params))
            return await future
        except asyncio.CancelledError:
            await self._give_up(number)
            raise
        finally:
            self._waiting.pop(number, None)
            if future.done() and not future.cancelled():
                future.exception()  # seen: it may have failed while it was being sent

    async def _send(self, message: mcp.Json) -> None:
        if self.ended:
            raise Gone(self.ended)
        try:
            await self.link.send(message)
        except Gone as error:
            raise Gone(self.ended or f"{self.name}: {error}") from None

    async def _give_up(self, number: int) -> None:
        """Nobody waits any more: a server that still works for it may stop."""
        word = mcp.notification("notifications/cancelled", {"requestId": number})
        with suppress(P42Error, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._send(word)

    def _settle(self, number: int, result: mcp.Json) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_result(result)

    def _fail(self, number: int, error: P42Error) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_exception(error)
