"""One client of a companion, in this process: what it may send, leave unread, and how long."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from p42.keeper.reactor import Reactor
from p42.keeper.turns import Turns
from p42.runtimes.companion import companion, visitor
from p42.runtimes.companion.companion import Companion
from p42.wire.budget import Budget

SPEC = {"name": "garden", "project": "garden", "aiId": "garden", "token": "", "broker": "",
        "idle": 0}  # fmt: skip


class Door:
    """A companion on a real listener, moved by hand."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._private, theirs = socket.socketpair()
        self.companion = Companion(self.reactor, SPEC, theirs, [self._listener])
        self.clients: list[socket.socket] = []

    def client(self, **options: int) -> socket.socket:
        door = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        self.clients.append(door)
        return door

    def until(self, holds: Callable[[], Any], seconds: float = 5.0) -> None:
        """Turn the loop until it holds."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end
            self.reactor.after(0.005, self.reactor.end)
            self.reactor._ended = False
            self.reactor.run()

    def said(self, client: socket.socket) -> bytes:
        """What the client got next; empty at the end."""
        got: list[bytes] = []

        def some() -> bool:
            client.setblocking(False)
            with suppress(BlockingIOError):
                try:
                    got.append(client.recv(65536))
                except ConnectionResetError:
                    got.append(b"")
            return bool(got)

        self.until(some)
        return got[0]

    @property
    def count(self) -> int:
        return len(self.companion._visitors)

    def close(self) -> None:
        for one in [*self.clients, self._listener, self._private]:
            one.close()
        for one in list(self.companion._visitors):
            one.close()
        self.companion._keeper._sock.close()
        self.reactor._selector.close()


@pytest.fixture
def door() -> Iterator[Door]:
    found = Door()
    yield found
    found.close()


def test_a_line_that_drips_is_not_waited_for_longer_than_one_that_stands_still(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "HALF", 0.3)
    client = door.client()
    door.until(lambda: door.count == 1)
    began = time.monotonic()

    def gone() -> bool:
        with suppress(OSError):
            client.send(b"x")
        return door.count == 0

    client.send(b'{"type":"')
    door.until(gone)
    assert time.monotonic() - began < 2.0


def test_who_never_reads_is_heard_no_more_and_then_closed(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "UNREAD", 0.3)
    client = door.client()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    most = [0]

    def gone() -> bool:
        with suppress(OSError):
            client.send(b'{"type":"ping"}\n' * 500)
        for one in door.companion._visitors:
            most[0] = max(most[0], len(one._out))
        return most[0] > 0 and door.count == 0

    door.until(gone, 20.0)
    assert most[0] < 2 * visitor.FULL


def test_who_talks_is_not_thrown_out_for_who_says_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.companion._most = 4
    talking = [door.client() for _ in range(2)]
    for each in talking:
        each.send(b'{"type":"ping"}\n')
        assert json.loads(door.said(each))["type"] == "pong"
    for _ in range(10):
        door.client()
        door.until(lambda: door.count >= 3)
    for each in talking:
        each.send(b'{"type":"ping"}\n')
        assert json.loads(door.said(each))["type"] == "pong"
    newcomer = door.client()
    newcomer.send(b'{"type":"ping"}\n')
    assert json.loads(door.said(newcomer))["type"] == "pong", "one of the silent made room"


def test_where_everybody_talks_a_newcomer_is_refused_and_who_rested_makes_room(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.companion._most = 2
    for each in (door.client(), door.client()):
        each.send(b'{"type":"ping"}\n')
        assert door.said(each)
    assert door.said(door.client()) == b""
    monkeypatch.setattr(companion, "RESTED", 0.0)
    newcomer = door.client()
    newcomer.send(b'{"type":"ping"}\n')
    assert json.loads(door.said(newcomer))["type"] == "pong"
    assert door.count == 2


def test_lines_half_sent_by_many_are_bounded_together(door: Door) -> None:
    door.companion._budget = Budget(300_000)
    heavy = [door.client() for _ in range(6)]
    door.until(lambda: door.count == 6)
    for each in heavy:
        each.setblocking(False)
        with suppress(BlockingIOError):
            each.send(b'{"type":"' + b"x" * 100_000)
    door.until(lambda: door.count <= 3)
    assert door.companion._budget.held <= 300_000


def test_turns_leave_the_loop_time_to_look_around() -> None:
    """What is called at once, again and again, must not keep the loop from its descriptors."""
    reactor, looked, steps = Reactor(), list[int](), list[int]()
    ours, theirs = socket.socketpair()
    turns = Turns(lambda do: reactor.after(0.0, do))

    def step() -> None:
        steps.append(1)
        if not looked and len(steps) < 10_000:
            turns.wait(step)

    def look() -> None:
        looked.append(len(steps))
        reactor.end()

    turns.wait(step)
    reactor.readable(ours.fileno(), look)
    theirs.send(b"x")
    reactor.run()
    assert looked[0] < 100
    reactor._selector.close()
    ours.close()
    theirs.close()
