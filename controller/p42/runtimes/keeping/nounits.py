"""NoUnits: what a plan sees where no daemon runs: what a keeper still holds, and no more.

A daemon that was killed leaves its keeper with every socket; it is asked once, and nothing is
changed there. Where none lives, nothing is held: its children ended with it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from p42.keeper.frames import Decoder, Message, encode
from p42.keeper.listener import is_free
from p42.model.errors import Retry
from p42.model.refs import Ref
from p42.model.sockets import Declaration, Probe, Unit
from p42.runtimes.keeping.start import dialled
from p42.runtimes.keeping.units import rows_of
from p42.runtimes.squatters import holder

PATIENCE = 2.0  # s for the keeper's answer; it takes 1 ms
_AWAY = "no keeper runs, since no daemon does: p42 start"
_SILENT = "what it holds cannot be seen: the keeper lives, and does not answer; p42 start"


class NoUnits:
    """The Units port of a dry run. Nothing can be done through it."""

    def __init__(self, run: Path, idle: float) -> None:
        """Asks the keeper behind `run`, if there is one. Blocking."""
        self._idle = idle
        self._rows = _held(run / "keeper.sock")  # None = it does not say

    @property
    def idle(self) -> float:
        """The configuration's."""
        return self._idle

    def get(self, ref: Ref) -> Unit | None:
        """What the keeper held when it was asked. Retry: it did not say."""
        if self._rows is None:
            raise Retry(_SILENT)
        return self._rows.get(ref)

    async def holder(self, port: int) -> str:
        """Who listens on `port`, for a person; "" = nobody."""
        return "" if is_free(port) else await asyncio.to_thread(holder, port)

    async def declare(self, ref: Ref, declaration: Declaration) -> None:
        """Refused."""
        raise Retry(_AWAY)

    async def drop(self, ref: Ref) -> None:
        """Refused."""
        raise Retry(_AWAY)

    async def wake(self, ref: Ref) -> None:
        """Refused."""
        raise Retry(_AWAY)

    async def probe(self, ref: Ref) -> Probe | None:
        """None is awake."""
        return None

    async def follow(self) -> AsyncIterator[Ref | None]:
        """Nothing ever changes."""
        return
        yield


def _held(path: Path) -> Mapping[Ref, Unit] | None:
    sock = dialled(path)
    if sock is None:
        return {}
    with sock:
        sock.settimeout(PATIENCE)
        try:
            sock.sendall(encode({"op": "look", "seq": 1}))
            answer = _answer(sock)
        except OSError:
            return None
    return rows_of(answer["units"]) if "units" in answer else None


def _answer(sock: socket.socket) -> Message:
    """What has our number; {} when it says no more."""
    decoder = Decoder()
    while data := sock.recv(1 << 16):
        for message in decoder.feed(data):
            if message.get("seq") == 1:
                return message
    return {}
