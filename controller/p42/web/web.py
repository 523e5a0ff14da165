"""Web: the HTTP door of one daemon: 127.0.0.1 and ::1, port 4280 if nothing else is said."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING

from p42.model.ports import World
from p42.stores.keys.redaction import Redactor
from p42.stores.tokens import SqliteTokens
from p42.web.holds import Holds
from p42.web.limits import Limits, most_connections
from p42.web.sockets import BACKLOG, HOST, listen, trouble

if TYPE_CHECKING:
    from p42.web.conversation import Room

AGAIN = 5.0  # s between tries when the port was not to be had
FAREWELL = 1.0  # s; what was answered is in the kernel's hands at once, unless nobody reads

_log = logging.getLogger(__name__)


class Web:
    """`port` 0 = any free one. After `tried`, `port` is the one it listens on, None = none."""

    def __init__(self, port: int, tokens: SqliteTokens) -> None:
        self._wanted, self._tokens = port, tokens
        self._holds = Holds()
        tokens.tell(self._holds.end)
        self.port: int | None = None
        self.note = ""
        self.tried = asyncio.Event()

    async def run(self, world: World, *, redactor: Redactor | None = None) -> None:
        """Serve until cancelled. Without its port: say so, and try again until it is free.

        `redactor` takes secrets out of what goes wrong, whoever worded it.
        """
        while (listeners := self._listen()) is None:  # noqa: ASYNC110 - no event tells of a port
            await asyncio.sleep(AGAIN)
        try:
            await self._serve(world, listeners, redactor or Redactor())
        finally:
            self.port = None

    async def _serve(
        self, world: World, listeners: list[socket.socket], redactor: Redactor
    ) -> None:
        async with AsyncExitStack() as doors:
            for listener in listeners:
                doors.callback(listener.close)
            await _knocked(listeners)
            room = await self._room(world, listeners[0].getsockname()[1], redactor)
            doors.push_async_callback(room.close, FAREWELL)
            doors.callback(self._holds.end_all)
            loop = asyncio.get_running_loop()
            for listener in listeners:
                server = await loop.create_server(room.conversation, sock=listener, backlog=BACKLOG)
                doors.callback(server.close)
            await asyncio.Event().wait()

    async def _room(self, world: World, port: int, redactor: Redactor) -> Room:
        # Here and not above: starlette and uvicorn take 60 ms, which a start after a crash can do
        # without, and most daemons never hear HTTP. In a thread: the other doors are open.
        for name in ("conversation", "guard", "table"):
            await asyncio.to_thread(import_module, f"p42.web.{name}")
        from p42.web.conversation import Room
        from p42.web.guard import Guard
        from p42.web.table import ways

        limits = Limits(connections=most_connections())
        app = ways(world, self._tokens, clean=redactor.clean)
        guard = Guard(
            app, port=port, tokens=self._tokens, holds=self._holds, clock=world.clock,
            limits=limits, roomy=app.most, clean=redactor.clean,
        )  # fmt: skip
        return Room(guard, limits, left=self._holds.end)

    def _listen(self) -> list[socket.socket] | None:
        try:
            listeners = listen(self._wanted)
        except OSError as error:
            again = f"tried again every {AGAIN:g} s"
            self._say(f"{trouble(self._wanted, error)}; {again}")
            return None
        self.port = listeners[0].getsockname()[1]
        self._say("")
        return listeners

    def _say(self, note: str) -> None:
        if note and note != self.note:
            _log.warning("http: %s", note)
        elif self.note and not note:
            _log.info("http: listening on %s:%s", HOST, self.port)
        self.note = note
        self.tried.set()


async def _knocked(listeners: list[socket.socket]) -> None:
    """Until somebody connects; the kernel keeps whoever does for the one who accepts."""
    loop = asyncio.get_running_loop()
    knocked = asyncio.Event()
    for listener in listeners:
        loop.add_reader(listener, knocked.set)
    try:
        await knocked.wait()
    finally:
        for listener in listeners:
            loop.remove_reader(listener)
