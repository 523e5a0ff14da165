"""Who asks much waits in line, who asks little does not; and what is half sent is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.keeper.turns import SHARE, Turns
from p42.wire.budget import FAIR, Budget
from tests.doors.conftest import OPEN

ECHO = b'{"type":"echo","id":"%d"}'


class Loop:
    """What is to be called next; a turn of it calls what was there when it began."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def turn(self) -> None:
        due, self.due = self.due, []
        for each in due:
            each()


@given(st.lists(st.integers(1, 200), min_size=1, max_size=40))
def test_every_client_gets_its_turn_and_no_turn_is_longer_than_its_share(wants: list[int]) -> None:
    loop, begun = Loop(), list[int]()
    turns = Turns(lambda do: loop.due.append(do))
    left = list(wants)

    def begin(client: int) -> None:
        begun.append(client)
        left[client] -= 1
        if left[client]:
            turns.wait(lambda: begin(client))

    for client in range(len(wants)):
        turns.wait(lambda client=client: begin(client))  # type: ignore[misc]
    while loop.due:
        before = len(begun)
        loop.turn()
        assert len(begun) - before <= SHARE
    assert sorted(begun) == sorted(n for n, want in enumerate(wants) for _ in range(want))
    # Between two of one client each of the others that still wants something has had one.
    assert begun[: len(wants)] == list(range(len(wants)))


async def test_a_single_request_overtakes_a_packet_of_hundreds(opened: OPEN) -> None:
    async with opened() as door, door.client() as many, door.client() as few:
        await few.ask({"type": "echo"})
        many.writer.write(b"".join(ECHO % number for number in range(300)))
        few.writer.write(ECHO % 999)
        assert (await few.line())["id"] == "999"
        assert door.gate.asked < 200
        for _ in range(300):
            assert (await many.line())["success"]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2 * FAIR)), max_size=50))
def test_a_budget_knows_what_is_held_and_never_refuses_who_holds_little(
    changes: list[tuple[int, int]],
) -> None:
    budget, held = Budget(3 * FAIR), [0] * 5
    for client, now in changes:
        was, held[client] = held[client], now
        kept = budget.change(was, now)
        assert budget.held == sum(held)
        assert kept == (now <= FAIR or sum(held) <= 3 * FAIR)


async def test_who_sends_half_of_too_much_is_told_so_and_others_go_on(
    opened: OPEN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p42.gateway.door.Budget", lambda: Budget(2 * FAIR))
    half = b'{"type":"echo","id":"' + b"x" * (FAIR + 1000)
    async with opened() as door, door.client() as first, door.client() as second:
        await first.send(half)
        async with asyncio.timeout(10):
            while door.door._budget.held < len(half):
                await asyncio.sleep(0.001)
        await second.send(half)
        said = await second.rest()
        assert b"Too many requests are half sent at once" in said or said == b""
        async with door.client() as good:
            assert (await good.ask({"type": "echo"}))["success"]
        await first.send(b'"}')
        assert await first.reader.readexactly(10) == b'{"id":"xxx'
        assert door.door._budget.held == 0
