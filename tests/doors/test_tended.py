"""A bug in one room of the daemon ends neither the others nor, for good, its own work."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from p42.daemon.running import alone, tended
from p42.model.errors import Blocked


@pytest.mark.looptime
async def test_a_room_with_a_bug_begins_again_and_the_block_goes_on() -> None:
    begun: list[float] = []
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def room() -> None:
        begun.append(loop.time())
        if len(begun) < 3:
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        over.set()

    async with tended("writing messages", room), asyncio.timeout(60):
        await over.wait()
    assert [later - first for first, later in pairwise(begun)] == [5.0, 5.0]


@pytest.mark.looptime
async def test_what_is_raised_on_purpose_ends_the_block_and_comes_out_bare() -> None:
    async def room() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(refuse())

    async def refuse() -> None:
        raise Blocked("run/p42.sock is too long a path")

    with pytest.raises(Blocked, match="too long"), alone():
        async with tended("serving", room):
            await asyncio.Event().wait()


@pytest.mark.looptime
async def test_the_last_thing_is_done_however_it_ends() -> None:
    done: list[str] = []

    async def room() -> None:
        raise ValueError("a bug")

    async def flush() -> None:
        done.append("flushed")

    async with tended("writing", room, last=flush):
        await asyncio.sleep(1)
    assert done == ["flushed"]
