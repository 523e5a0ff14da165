"""How much a door does in one turn of the loop for those who ask much, come together or are late.

The line is held by the tests: what waits in it waits until `move` is called.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from p42.gateway.connection import ON, READ
from p42.gateway.door import AT_ONCE
from p42.gateway.limits import Deadlines, Limits
from p42.keeper.turns import SHARE, Turns
from p42.wire.port42 import STEPS
from tests.doors.conftest import OPEN, PATIENT, Client, Opened

ECHO = b'{"type":"echo","id":"%d"}\n'
PACKET = b"".join(ECHO % number for number in range(200))
HALF = b'{"type":"echo","id":"'


class Line:
    """The turns of an open door, which come when the test says so."""

    def __init__(self, door: Opened) -> None:
        self._due: list[Callable[[], None]] = []
        self.door, door.door._turns = door.door, Turns(self._due.append)

    @property
    def length(self) -> int:
        return len(self.door._turns._line)

    def move(self) -> None:
        """One turn of the loop."""
        due, self._due[:] = list(self._due), []
        for each in due:
            each()

    async def until(self, holds: Callable[[], bool], *, moving: bool = False) -> None:
        async with asyncio.timeout(10):
            while not holds():
                if moving:
                    self.move()
                await asyncio.sleep(0.001)


@asynccontextmanager
async def held(opened: OPEN, limits: Limits = PATIENT) -> AsyncIterator[tuple[Opened, Line]]:
    async with opened(limits) as door:
        line = Line(door)
        yield door, line
        await line.until(lambda: line.length == 0, moving=True)


async def test_of_a_packet_one_is_begun_and_the_others_are_not_even_looked_at(opened: OPEN) -> None:
    async with held(opened) as (door, line), door.client() as many, door.client() as few:
        await many.send(PACKET)
        assert (await many.line())["id"] == "0"
        assert (await few.ask({"type": "echo", "id": "few"}))["id"] == "few"
        assert line.length == 1
        assert door.door._budget.held == len(PACKET) - len(ECHO % 0)
        line.move()
        assert [(await many.line())["id"] for _ in range(SHARE)] == [
            str(number) for number in range(1, SHARE + 1)
        ]
        begun = sum(len(ECHO % number) for number in range(SHARE + 1))
        assert door.door._budget.held == len(PACKET) - begun
        await line.until(lambda: line.length == 0, moving=True)
        for number in range(SHARE + 1, 200):
            assert (await many.line())["id"] == str(number)


async def test_a_request_behind_which_nothing_came_waits_for_no_turn(opened: OPEN) -> None:
    async with held(opened) as (door, line), door.client() as client:
        for number in range(20):
            assert (await client.ask({"type": "echo", "id": str(number)}))["id"] == str(number)
            await client.send(b"\r\n \n")  # blanks are nothing
        assert line.length == 0


async def test_who_sends_more_than_a_bufferful_is_read_on_in_turn(opened: OPEN) -> None:
    long = HALF + b"x" * (2 * READ + ON)
    async with held(opened) as (door, line), door.client() as heavy:
        await heavy.send(long)
        await line.until(lambda: line.length == 1)
        assert door.door._budget.held == READ
        line.move()
        await line.until(lambda: line.length == 1)
        assert door.door._budget.held == READ + ON
        await heavy.send(b'"}')
        await line.until(lambda: door.door._budget.held == 0, moving=True)
        assert (await heavy.line())["success"]


@pytest.mark.parametrize("ends", [False, True])
async def test_a_request_of_many_brackets_is_looked_at_in_turn_and_answered_whole(
    opened: OPEN, ends: bool
) -> None:
    pairs = b",".join([b"[]"] * 2 * STEPS)
    async with held(opened) as (door, line), door.client() as client:
        await client.send(b'{"type":"echo","id":"many","payload":[%s]}' % pairs)
        if ends:
            client.writer.write_eof()
        await line.until(lambda: line.length == 1)
        await line.until(lambda: line.length == 0, moving=True)
        assert (await client.line())["id"] == "many"


async def late_ones(door: Opened, stack: AsyncExitStack, count: int) -> list[Client]:
    clients = [await stack.enter_async_context(door.client()) for _ in range(count)]
    for client in clients:
        await client.send(HALF)
    return clients


async def test_those_who_are_late_together_are_thrown_out_by_and_by(opened: OPEN) -> None:
    limits, count = Limits(deadlines=Deadlines(half_sent=0.05)), 3 * SHARE
    async with held(opened, limits) as (door, line), AsyncExitStack() as stack:
        await late_ones(door, stack, count)
        await line.until(lambda: line.length == count)
        for left in (2 * SHARE, SHARE, 0):
            line.move()
            await line.until(lambda left=left: len(door.door._connections) == left)  # type: ignore[misc]


async def test_who_has_come_to_an_end_before_its_turn_is_not_late(opened: OPEN) -> None:
    limits = Limits(deadlines=Deadlines(half_sent=0.05))
    async with held(opened, limits) as (door, line), AsyncExitStack() as stack:
        (client,) = await late_ones(door, stack, 1)
        await line.until(lambda: line.length == 1)
        await client.send(b'"}')
        assert (await client.line())["success"]
        line.move()
        assert (await client.ask({"type": "echo"}))["success"]


async def test_no_more_than_a_few_of_those_who_come_together_are_let_in_at_once(
    opened: OPEN,
) -> None:
    loop, turn, let_in = asyncio.get_running_loop(), [0], list[int]()

    def count() -> None:
        turn[0] += 1
        if len(let_in) < 100:
            loop.call_soon(count)

    def admits(client: socket.socket) -> bool:
        let_in.append(turn[0])
        return True

    async with opened(admits=admits) as door:
        count()
        crowd = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(100)]
        async with asyncio.timeout(10):
            while len(let_in) < 100:
                await asyncio.sleep(0)
        for client in crowd:
            client.close()
        assert max(map(let_in.count, let_in)) <= AT_ONCE


@pytest.mark.parametrize("behind", [b"nonsense", b"[1]\n"])
async def test_what_is_behind_a_violation_is_not_begun_and_what_is_before_is(
    opened: OPEN, behind: bytes
) -> None:
    async with held(opened) as (door, line), door.client() as client:
        await client.send(ECHO % 0 + ECHO % 1 + behind + b'{"type":"hold"}')
        assert (await client.line())["id"] == "0"
        line.move()
        said = [json.loads(each)["id"] for each in (await client.rest()).splitlines()]
        assert sorted(said) == ["1", "error"]
        assert door.gate.asked == 0


async def test_what_came_before_the_end_of_input_is_answered_in_its_turn(opened: OPEN) -> None:
    async with held(opened) as (door, line), door.client() as client:
        await client.send(ECHO % 0 + ECHO % 1 + ECHO % 2 + HALF)
        client.writer.write_eof()
        assert (await client.line())["id"] == "0"
        await line.until(lambda: not door.door._connections, moving=True)
        said = (await client.rest()).splitlines()
        assert len(said) == 3
        assert b"Invalid JSON request" in said[2]
