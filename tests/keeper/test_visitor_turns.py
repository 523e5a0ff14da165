"""How much a companion does before it looks around, for those who ask much or are late together."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from p42.keeper.reactor import RINGS, Reactor
from p42.keeper.turns import SHARE, Turns
from p42.runtimes.companion import companion, visitor
from p42.runtimes.companion.visitor import CHUNK, ON
from tests.keeper.test_visitor import Door

PING = b'{"type":"ping"}\n'
HALF = b'{"type":"'


class Held(Door):
    """Its line is held by the test: what waits in it waits until `move` is called."""

    def __init__(self) -> None:
        super().__init__()
        self._due: list[Callable[[], None]] = []
        self.companion._turns = self.turns = Turns(self._due.append)

    @property
    def length(self) -> int:
        return len(self.turns._line)

    def move(self) -> None:
        due, self._due[:] = list(self._due), []
        for each in due:
            each()

    def counted(self, client: socket.socket, count: int) -> int:
        """How many replies came, once `count` have."""
        got, client_lines = b"", 0
        while client_lines < count:
            got += self.said(client)
            client_lines = got.count(b"\n")
        return client_lines


@pytest.fixture
def held() -> Iterator[Held]:
    found = Held()
    yield found
    found.close()


def test_of_a_packet_one_line_is_heard_and_the_others_in_turn(held: Held) -> None:
    many, few = held.client(), held.client()
    many.sendall(PING * 100)
    assert held.counted(many, 1) == 1
    few.sendall(PING)
    assert json.loads(held.said(few))["type"] == "pong"
    assert held.length == 1
    assert held.companion._budget.held == 99 * len(PING)
    held.move()
    assert held.counted(many, SHARE) == SHARE
    assert held.companion._budget.held == (99 - SHARE) * len(PING)


def test_a_line_behind_which_nothing_came_waits_for_no_turn(held: Held) -> None:
    client = held.client()
    for _ in range(10):
        client.sendall(PING + b"\r\n \n")
        assert json.loads(held.said(client))["type"] == "pong"
    assert held.length == 0


def test_who_sends_more_than_a_bufferful_is_read_on_in_turn(held: Held) -> None:
    heavy = held.client()
    heavy.sendall(HALF + b"x" * (CHUNK + 3 * ON))
    for number in (0, 1, 2):
        held.until(lambda: held.length == 1)
        assert held.companion._budget.held == CHUNK + number * ON
        held.move()


def test_who_does_not_read_is_not_heard_on_before_it_does(held: Held) -> None:
    client = held.client()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)

    def full() -> bool:
        with suppress(BlockingIOError):
            client.send(PING * 100)
        held.move()
        return any(one._full for one in held.companion._visitors)

    held.until(full, 20.0)
    (one,) = held.companion._visitors
    for _ in range(100):
        held.move()
    assert len(one._out) < visitor.FULL + 200


def test_those_who_are_late_together_are_closed_by_and_by(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "HALF", 0.05)
    for _ in range(3 * SHARE):
        held.client().sendall(HALF)
    held.until(lambda: held.length == 3 * SHARE)
    for left in (2 * SHARE, SHARE, 0):
        held.move()
        assert held.count == left


def test_who_has_come_to_an_end_before_its_turn_is_not_late(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "HALF", 0.05)
    client = held.client()
    client.sendall(HALF)
    held.until(lambda: held.length == 1)
    client.sendall(b'ping"}\n')
    assert json.loads(held.said(client))["type"] == "pong"
    held.move()
    assert held.count == 1


def test_no_more_than_a_few_of_those_who_come_together_are_let_in_at_once(held: Held) -> None:
    for _ in range(50):
        held.client()
    for turn in range(1, 5):
        held.companion._accept(held._listener)
        assert held.count == turn * companion.AT_ONCE


def test_many_timers_that_are_due_leave_the_loop_time_to_look_around() -> None:
    reactor, rung, looked = Reactor(), list[int](), list[int]()
    ours, theirs = socket.socketpair()

    def look() -> None:
        looked.append(len(rung))
        reactor.end()

    def ring(number: int) -> None:
        if not rung:
            theirs.send(b"x")
        rung.append(number)

    for number in range(10 * RINGS):
        reactor.after(0.0, lambda number=number: ring(number))  # type: ignore[misc]
    reactor.readable(ours.fileno(), look)
    reactor.run()
    assert looked == [RINGS]
    assert rung == sorted(rung)
    reactor._selector.close()
    ours.close()
    theirs.close()
