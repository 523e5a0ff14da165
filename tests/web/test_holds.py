"""What is open under a token, or on a connection, ends with it."""

from __future__ import annotations

import asyncio

import pytest

from p42.web.holds import Ended, Holds

FOREVER = 3600.0


async def waiting(holds: Holds, *keys: str, seconds: float | None = None) -> str:
    try:
        async with holds.under(*keys, seconds=seconds):
            await asyncio.sleep(FOREVER)
    except Ended:
        return "ended"
    return "done"


@pytest.mark.looptime
async def test_each_key_ends_its_own_and_leaves_the_others() -> None:
    holds = Holds()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(waiting(holds, "line-1", "token"))
        second = group.create_task(waiting(holds, "line-2", "token"))
        third = group.create_task(waiting(holds, "line-3", "other"))
        await asyncio.sleep(0)
        holds.end("line-1")
        await asyncio.sleep(0.01)
        assert (first.done(), second.done(), third.done()) == (True, False, False)
        holds.end("token")
        holds.end("token")  # twice is once
        await asyncio.sleep(0.01)
        assert (second.done(), third.done()) == (True, False)
        holds.end_all()
    assert [task.result() for task in (first, second, third)] == ["ended"] * 3


@pytest.mark.looptime
async def test_time_ends_it_too() -> None:
    began = asyncio.get_running_loop().time()
    assert await waiting(Holds(), "token", seconds=60) == "ended"
    assert asyncio.get_running_loop().time() - began == pytest.approx(60, abs=0.1)


@pytest.mark.looptime
async def test_a_cancellation_of_its_own_stays_one() -> None:
    """A daemon that stops must not be told that a token ended."""
    holds = Holds()
    task = asyncio.ensure_future(waiting(holds, "token"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_inside_is_not_taken_for_an_end() -> None:
    with pytest.raises(TimeoutError):
        async with Holds().under("token"):
            raise TimeoutError


async def test_what_is_over_is_forgotten() -> None:
    holds = Holds()
    async with holds.under("line", "token"):
        pass
    holds.end("token")
    holds.end_all()
