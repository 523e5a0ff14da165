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

from p42.gateway.connection import Connection
from p42.gateway.dispatch import Dispatch
from p42.gateway.limits import Limits

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
        dispatch: Dispatch,
        limits: Limits,
        *,
        admits: Callable[[socket.socket], bool],
        chooses: Callable[[socket.socket], Dispatch] | None = None,
    ) -> None:
        self._limits, self._admits = limits, admits
        self._chooses = chooses or (lambda _: dispatch)
        self._connections: set[Connection] = set()
        self.empty = asyncio.Event()  # no connection is there
        self.empty.set()
        self._spare: int | None = None

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
                        await self._accept(listener, requests)
                finally:
                    loop.remove_reader(listener)
                    listener.close()
        finally:
            self._give_up_spare()
            await self._close_all()

    async def _accept(self, listener: socket.socket, requests: asyncio.TaskGroup) -> None:
        try:
            # Not loop.sock_accept: cancelled at the wrong moment, it loses the socket it got.
            client, _ = listener.accept()
        except BlockingIOError:  # the client has gone already
            return
        except OSError as error:
            # Anything else (ECONNABORTED, EPROTO ...) is that one client's trouble: accept(2).
            if error.errno in _EXHAUSTED:
                await self._shed(listener)
            return
        if len(self._connections) >= self._limits.connections or not self._admits(client):
            client.close()
            return
        if client.family == socket.AF_INET:
            # asyncio does this only where the socket knows its protocol, and an accepted one does
            # not: replies to pipelined requests would wait 40 ms for the client's delayed ACK.
            with contextlib.suppress(OSError):  # it hung up; the next read will say so
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        dispatch = self._chooses(client)
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: self._connection(requests, dispatch), client
        )

    def _connection(self, requests: asyncio.TaskGroup, dispatch: Dispatch) -> Connection:
        made = Connection(dispatch, self._limits, group=requests, left=self._gone)
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
        for connection in list(self._connections):
            connection.close()
        await self.empty.wait()  # each aborts itself after FAREWELL
