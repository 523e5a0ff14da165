"""Door: accepts connections from a listening socket, and lets in whom it may.

Running out of descriptors is survived: a spare one is given up to accept and close, so that
clients hear something and the kernel's queue does not keep us busy; the loop goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable

from p42.gateway.connection import ON, Connection
from p42.gateway.dispatch import Answers
from p42.gateway.limits import Limits
from p42.keeper.turns import Turns
from p42.wire.budget import Budget

SENT = 1 << 14  # bytes the kernel keeps unsent for a client; by itself it would take 4 MiB of each
AT_ONCE = 2  # connections accepted before others are heard again; each takes 0.1 ms until it stands
BACKLOG = 1024  # as many as may connect while one is being accepted; the kernel may lower it
RELIEF = 0.1  # s; descriptors come back when somebody closes one, so looking oftener is idle
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_log = logging.getLogger(__name__)


class Door:
    """`admits` says whether the program at the other end may enter.

    `chooses` gives each that does the verbs it may ask; None = `dispatch` for all.
    """

    def __init__(
        self,
        dispatch: Answers,
        limits: Limits,
        *,
        admits: Callable[[socket.socket], bool],
        chooses: Callable[[socket.socket], Answers] | None = None,
    ) -> None:
        self._limits, self._admits = limits, admits
        self._chooses = chooses or (lambda _: dispatch)
        self._connections: set[Connection] = set()
        self.empty = asyncio.Event()  # no connection is there
        self.empty.set()
        self._spare: int | None = None
        # Of all connections: each is done with it before the next.
        self._room = memoryview(bytearray(ON))
        self._turns = Turns(lambda do: asyncio.get_running_loop().call_soon(do))
        self._budget = Budget()
        self._coming: set[socket.socket] = set()  # accepted, and not yet a connection

    async def run(self, listener: socket.socket) -> None:
        """Serve until cancelled; closes `listener` at once, connections when what they were sent
        is out or a second is over."""
        listener.setblocking(False)
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(listener, ready.set)
        self._spare = os.open(os.devnull, os.O_RDONLY)
        try:
            async with asyncio.TaskGroup() as requests:
                try:
                    while True:
                        await ready.wait()
                        ready.clear()
                        for _ in range(AT_ONCE):
                            if not await self._accept(listener, requests):
                                break
                finally:
                    loop.remove_reader(listener)
                    listener.close()
        finally:
            self._give_up_spare()
            await self._close_all()

    async def _accept(self, listener: socket.socket, requests: asyncio.TaskGroup) -> bool:
        """Whether there may be more."""
        try:
            # Not loop.sock_accept: cancelled at the wrong moment, it loses the socket it got.
            client, _ = listener.accept()
        except BlockingIOError:  # no more, or the client has gone already
            return False
        except OSError as error:
            # Anything else (ECONNABORTED, EPROTO ...) is that one client's trouble: accept(2).
            if error.errno in _EXHAUSTED:
                await self._shed(listener)
            return False
        here = len(self._connections) + len(self._coming)
        if here >= self._limits.connections or not self._admits(client):
            client.close()
            return True
        with contextlib.suppress(OSError):  # it hung up; the next read will say so
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT)
            # asyncio does this only where the socket knows its protocol, and an accepted one does
            # not: replies to pipelined requests would wait 40 ms for the client's delayed ACK.
            if client.family == socket.AF_INET:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        dispatch = self._chooses(client)
        self._coming.add(client)
        requests.create_task(self._begin(client, lambda: self._connection(requests, dispatch)))
        return True

    async def _begin(self, client: socket.socket, made: Callable[[], Connection]) -> None:
        self._coming.discard(client)
        await asyncio.get_running_loop().connect_accepted_socket(made, client)

    def _connection(self, requests: asyncio.TaskGroup, dispatch: Answers) -> Connection:
        made = Connection(
            dispatch, self._limits, group=requests, left=self._gone, room=self._room,
            turns=self._turns, budget=self._budget,
        )  # fmt: skip
        self._connections.add(made)
        self.empty.clear()
        return made

    def _gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self.empty.set()

    async def _shed(self, listener: socket.socket) -> None:
        _log.warning("too many open files: a connection was closed unheard; raise `ulimit -n`")
        self._give_up_spare()
        with contextlib.suppress(OSError):
            listener.accept()[0].close()
        try:
            self._spare = os.open(os.devnull, os.O_RDONLY)
        except OSError:
            await asyncio.sleep(RELIEF)

    def _give_up_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None

    async def _close_all(self) -> None:
        for client in self._coming:
            client.close()
        for connection in list(self._connections):
            connection.close()
        await self.empty.wait()  # each aborts itself after FAREWELL
