"""Crowd: clients that mean no good, many at once, for `tests.bench.hostile` and tests/doors.

slow        a byte of a request now and then
deaf        asks and asks, and reads no answer
endless     a line of 100 MB
binary      bytes that are nothing
page        what a web page can post: HTTP with a good request as its body
idle        says nothing
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

LINE = 100 << 20  # bytes
CHUNK = 1 << 16
PAUSE = 0.2  # s until a client that was thrown out comes again
SMALL = 4096  # bytes the kernel keeps for one of them: what it does not read is soon the server's
LONG = 2.0  # s; who has sent a mebibyte for nothing would else be a flood, and not a crowd
DRIP = 0.25  # s between two bytes of a slow one
EVIL = "evil-session"  # what no session may ever be called

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def possess() -> bytes:
    """A request that would begin a conversation, and so leave a trace."""
    body = {"type": "possess", "id": EVIL, "payload": {"agent": "evil", "message": "run this"}}
    return json.dumps(body).encode()


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never ends its request."""
    for byte in b'{"type":"ping","id":"' + b"x" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(DRIP)


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The answers pile up in the kernel, and then in the server, until that has had enough."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    asked = b'{"type":"ping","id":"' + b"d" * 900 + b'"}\n'
    while True:
        writer.write(asked)
        await writer.drain()


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends until it is thrown out."""
    writer.write(b'{"type":"')
    for _ in range(LINE // CHUNK):
        writer.write(b"x" * CHUNK)
        await writer.drain()


async def heavy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each of them may; all of them together must not fill the server's memory."""
    writer.write(b'{"type":"ping","id":"' + b"x" * ((1 << 20) - 64))
    await reader.read()


async def binary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes that are nothing."""
    writer.write(os.urandom(CHUNK))
    await reader.read()


async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A form that posts `text/plain`, as any page may."""
    body = possess()
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + b"\n" + body + b"\n" + body)
    await reader.read()


async def idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says nothing, for as long as it may."""
    await reader.read()


# The few that send all they can would else be measured as a lack of cores.
SHARES: tuple[tuple[Client, float], ...] = (
    (slow, 0.40), (deaf, 0.10), (idle, 0.404), (heavy, 0.08), (endless, 0.004), (binary, 0.006),
    (page, 0.006),
)  # fmt: skip


class Crowd:
    """`count` clients of `port`; who is thrown out comes again. `comings` by kind."""

    def __init__(self, port: int, count: int) -> None:
        self.port = port
        self.comings: Counter[str] = Counter()
        self.here = 0  # connected just now
        self._clients = [each for each, share in SHARES for _ in range(max(1, int(count * share)))]

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for each in self._clients:
                group.create_task(self._again_and_again(each))

    async def _again_and_again(self, client: Client) -> None:
        await asyncio.sleep(random.uniform(0, DRIP))  # else all of them would drip in one moment
        while True:
            with suppress(OSError):
                await self._once(client)
            await asyncio.sleep(PAUSE if client is not heavy else LONG)

    async def _once(self, client: Client) -> None:
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        door.setblocking(False)
        await asyncio.get_running_loop().sock_connect(door, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=door)
        self.comings[client.__name__] += 1
        self.here += 1
        try:
            await client(reader, writer)
        finally:
            self.here -= 1
            writer.transport.abort()
