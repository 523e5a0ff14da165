"""An open door on a real socket, with a table of small verbs behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from p42.gateway.dispatch import Answers, Dispatch
from p42.gateway.door import Door
from p42.gateway.limits import Deadlines, Limits
from p42.model.ports import World
from p42.model.verb import Door as Where
from tests.doors.verbs import Gate, table

PATIENT = Limits(deadlines=Deadlines())
OPEN = Callable[..., AbstractAsyncContextManager["Opened"]]


@dataclass
class Client:
    """One TCP connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *bodies: dict[str, Any] | bytes) -> None:
        for body in bodies:
            self.writer.write(body if isinstance(body, bytes) else json.dumps(body).encode())
        await self.writer.drain()

    async def line(self) -> Any:
        """The next line as JSON; None at the end."""
        async with asyncio.timeout(10):
            line = await self.reader.readline()
        return json.loads(line) if line else None

    async def rest(self) -> bytes:
        """Everything until the other side closes."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def ask(self, body: dict[str, Any]) -> Any:
        await self.send(body)
        return await self.line()


@dataclass
class Opened:
    """A door, and what stands behind it."""

    port: int
    gate: Gate
    door: Door
    close: Callable[[], Awaitable[None]]

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture(autouse=True, scope="session")
def _no_loop_by_accident() -> None:
    """looptime asks for the current loop in tests without one, which would make one and leak it."""
    asyncio.set_event_loop(None)


@pytest.fixture
def opened(tmp_path: Path) -> OPEN:
    @asynccontextmanager
    async def opening(
        limits: Limits = PATIENT,
        *,
        where: Where = Where.GATEWAY,
        admits: Callable[[socket.socket], bool] = lambda _: True,
        before: Callable[[Dispatch], Answers] = lambda dispatch: dispatch,
    ) -> AsyncIterator[Opened]:
        gate = Gate()
        world = World(home=tmp_path, clock=None)  # type: ignore[arg-type] # no verb here reads it
        door = Door(before(Dispatch(world, where, table(gate))), limits, admits=admits)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            running = asyncio.ensure_future(door.run(listener))

            async def close() -> None:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

            yield Opened(listener.getsockname()[1], gate, door, close)
            await close()

    return opening
