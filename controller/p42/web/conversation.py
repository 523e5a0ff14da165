"""Conversation: one HTTP connection, from accept to close: uvicorn's, with deadlines of ours.

uvicorn brings HTTP/1.1 (by h11, strict about what it reads) and ASGI. Added here: who may come in
at all, how many, and that nobody holds a connection by being slow. Its `Server` is not used: it
takes over the process's signals and wakes ten times a second.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from p42.web.limits import Limits
from p42.web.sockets import answer_at_once, is_ours

LINE = "line"  # where a request's state holds its conversation
# uvicorn tells of each malformed request and each stream that is broken off, as often as somebody
# likes to send them. Bugs of ours are caught and logged by the guard.
_QUIET = logging.getLogger("p42.web.http")


class Room:
    """What all conversations share: the app behind them, the limits, and who is there."""

    def __init__(
        self,
        app: Any,
        limits: Limits,
        *,
        left: Callable[[object], None] = lambda _: None,
        admits: Callable[[socket.socket], bool] = is_ours,
    ) -> None:
        """`left` is called with each conversation that is over: what it asked for ends with it."""
        self.limits, self.admits, self.left = limits, admits, left
        self.config = Config(
            app, http=H11Protocol, ws="none", lifespan="off", log_config=None, access_log=False,
            proxy_headers=False, server_header=False, date_header=False, interface="asgi3",
            h11_max_incomplete_event_size=limits.header_bytes,
            timeout_keep_alive=int(limits.idle),
        )  # fmt: skip
        self.config.load()
        _QUIET.setLevel(logging.CRITICAL)
        self.state = ServerState()
        self.empty = asyncio.Event()  # no connection is there
        self.empty.set()

    def conversation(self) -> Conversation:
        """One for a connection that was accepted."""
        return Conversation(self)

    async def close(self, within: float) -> None:
        """Idle ones at once, others when their answer is out, or `within` seconds are over."""
        for each in list(self.state.connections):
            each.shutdown()
        try:
            async with asyncio.timeout(within):
                await self.empty.wait()
        except TimeoutError:
            for each in list(self.state.connections):
                each.transport.abort()
            await self.empty.wait()


class Conversation(H11Protocol):
    """A client that is not let in is hung up on, unheard."""

    def __init__(self, room: Room) -> None:
        super().__init__(room.config, room.state, {LINE: self})  # into the state of each request
        self.logger = _QUIET
        self._room = room
        self._timer: asyncio.TimerHandle | None = None
        self._phase = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """asyncio: the socket is ours."""
        client = transport.get_extra_info("socket")
        if len(self.connections) >= self._room.limits.connections or not self._room.admits(client):
            self.transport = transport
            transport.abort()
            return
        answer_at_once(client)
        self._room.empty.clear()
        super().connection_made(transport)
        self._enter("head", self._room.limits.head)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """uvicorn: the answer is written."""
        super().on_response_complete()
        self._look(fresh=True)

    def pause_writing(self) -> None:
        """asyncio: what was sent is not being read."""
        super().pause_writing()
        self._enter("unread", self._room.limits.unread)

    def resume_writing(self) -> None:
        """asyncio: there is room again."""
        super().resume_writing()
        self._leave()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is over, whoever ended it."""
        super().connection_lost(exc)
        self._leave()
        self._room.left(self)
        if not self.connections:
            self._room.empty.set()

    def _look(self, *, fresh: bool = False) -> None:
        """Which deadline holds now. `fresh`: an answer is out, so nothing has been asked yet."""
        if self.transport.is_closing() or self._phase == "unread":
            return
        limits = self._room.limits
        if self.conn.their_state is h11.SEND_BODY:
            self._enter("body", limits.body)
        elif self.cycle is not None and not self.cycle.response_complete:
            self._leave()
        elif fresh:
            self._leave()  # uvicorn's own keep-alive timer runs until the next byte
        else:
            self._enter("head", limits.head)

    def _enter(self, phase: str, seconds: float) -> None:
        """Start the deadline of `phase`, once: more bytes of the same do not move it."""
        if self._phase == phase:
            return
        self._leave()
        self._phase = phase
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _leave(self) -> None:
        self._phase = ""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
