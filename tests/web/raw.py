"""Raw HTTP over a socket: what no client library would send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

PATIENCE = 10.0  # s


@dataclass(frozen=True)
class Told:
    """An answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        pairs = [line.partition(": ") for line in lines if line]
        return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}

    async def told(self, *, bodiless: bool = False) -> Told:
        status, headers = await self.head()
        size = 0 if bodiless else int(headers.get("content-length", "0"))
        async with asyncio.timeout(PATIENCE):
            return Told(status, headers, await self.reader.readexactly(size))

    async def rest(self) -> bytes:
        """Everything until the other side closes."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def line(port: int, host: str = "127.0.0.1") -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def say(port: int, data: bytes, *, bodiless: bool = False) -> Told:
    """One request on a connection of its own."""
    async with line(port) as there:
        await there.send(data)
        return await there.told(bodiless=bodiless)


def request(
    port: int,
    path: str = "/healthz",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> bytes:
    """A well-formed request; `headers` may override Host."""
    lines = {"Host": f"127.0.0.1:{port}", **(headers or {})}
    if body:
        lines["Content-Length"] = str(len(body))
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode() + body
