"""The TCP gateway: 127.0.0.1:42, or 4242 where 42 is refused or taken.

Port 42 is below 1024, so most systems refuse it to a user. p42 says how to get it and never asks
for `setcap` on Python: that would hand the privilege to every script of the machine.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from p42.gateway.callers import choosing
from p42.gateway.dispatch import Answers, Dispatch
from p42.gateway.door import BACKLOG, Door
from p42.gateway.limits import Deadlines, Limits, most_connections
from p42.gateway.peers import may_enter
from p42.gateway.tokened import Book, Tokened
from p42.gateway.unsure import Tells
from p42.keeper.peer import tells_owners, uid_of_peer
from p42.model.ports import World
from p42.model.verb import Door as Where
from p42.stores.keys.redaction import Redactor

HOST = "127.0.0.1"  # literal: "localhost" may be somebody else's ::1
AGAIN = 5.0  # s between tries when no port was to be had; a person who freed one looks by then
GET_42 = (
    "to get it: sudo sysctl net.ipv4.ip_unprivileged_port_start=42 (keep it in /etc/sysctl.d), "
    "or start p42 under authbind; then p42 restart. Never setcap python"
)

_log = logging.getLogger(__name__)


class Gateway:
    """`ports` in the order of wish; 0 = any free one. `book` has the tokens that requests have to
    show; None: they need none, but have to come from this user."""

    def __init__(self, ports: Sequence[int], *, book: Book | None = None) -> None:
        self._ports, self._book = tuple(ports), book
        self.port: int | None = None
        self.note = ""
        self.tried = asyncio.Event()  # set once the first round of tries is over

    async def run(
        self, world: World, *, standing: Tells | None = None, redactor: Redactor | None = None
    ) -> None:
        """Serve until cancelled. Without a port: say so, and try again until there is one.

        `standing` tells what a client is; None: all are people. `redactor` as Dispatch.
        """
        dispatch = Dispatch(world, Where.GATEWAY, redactor=redactor)
        limits = Limits(deadlines=Deadlines(), connections=most_connections())
        while (listener := self._listen()) is None:  # noqa: ASYNC110 - no event tells of a port
            await asyncio.sleep(AGAIN)
        try:
            answers = Tokened(dispatch, self._book) if self._book else dispatch
            with self._choosing(dispatch, standing) as chooses:
                await Door(answers, limits, admits=_admits, chooses=chooses).run(listener)
        finally:
            self.port = None

    @contextmanager
    def _choosing(
        self, dispatch: Dispatch, standing: Tells | None
    ) -> Iterator[Callable[[socket.socket], Answers] | None]:
        """None: who asks is told by its token, or not at all on this system."""
        tells = tells_owners() and Path("/proc/self").exists()
        if self._book is not None or standing is None or not tells:
            yield None
            return
        with choosing(dispatch, standing) as chooses:
            yield chooses

    def _listen(self) -> socket.socket | None:
        troubles: list[str] = []
        for port in self._ports:
            try:
                listener = _bound(port)
            except OSError as error:
                troubles.append(_trouble(port, error))
                continue
            self.port = listener.getsockname()[1]
            self._say("; ".join([*troubles, f"listening on {self.port}"]) if troubles else "")
            return listener
        self._say("; ".join([*troubles, f"tried again every {AGAIN:g} s"]))
        return None

    def _say(self, note: str) -> None:
        if note and note != self.note:
            _log.warning("gateway: %s", note)
        self.note = note
        self.tried.set()


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # On Linux only over TIME_WAIT, never over a listener; no SO_REUSEPORT, which would let a
        # second program in beside us.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _trouble(port: int, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is refused by the system; {GET_42}"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program (ss -ltnp 'sport = :{port}' shows it)"
    return f"port {port}: {error.strerror or error}"


def _admits(client: socket.socket) -> bool:
    return not tells_owners() or may_enter(uid_of_peer(client))
