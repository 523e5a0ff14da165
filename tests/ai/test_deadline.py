"""One deadline for many waits: it ends the one that is under way, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from p42.ai.accounts.deadline import Deadline
from p42.model.errors import TimedOut

pytestmark = pytest.mark.looptime


def in_(seconds: float) -> Deadline:
    return Deadline(asyncio.get_running_loop().time() + seconds, lambda: TimedOut("late"))


async def at_once() -> str:
    return "without a wait"


async def later(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "there"


async def test_what_comes_in_time_is_there_however_many_waits_there_are() -> None:
    deadline = in_(10)
    for _ in range(9):
        assert await deadline.within(later(1)) == "there"
    deadline.close()


async def test_the_wait_that_goes_on_past_it_is_ended_then() -> None:
    deadline, loop = in_(10), asyncio.get_running_loop()
    began = loop.time()
    await deadline.within(later(4))
    with pytest.raises(TimedOut, match="late"):
        await deadline.within(later(7))
    assert loop.time() - began == pytest.approx(10)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(1)  # nothing of it is left to hit somebody else


async def test_between_waits_nobody_is_cancelled_and_the_next_wait_is_over_at_once() -> None:
    deadline, loop = in_(1), asyncio.get_running_loop()
    await deadline.within(later(0.5))
    await asyncio.sleep(5)
    began = loop.time()
    assert await deadline.within(at_once()) == "without a wait"
    with pytest.raises(TimedOut):
        await deadline.within(later(1))
    assert loop.time() == pytest.approx(began)


async def test_a_cancellation_of_somebody_elses_goes_through() -> None:
    deadline = in_(10)
    task = asyncio.ensure_future(deadline.within(later(20)))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    deadline.close()


async def test_cancelled_by_both_at_once_it_is_a_cancellation() -> None:
    deadline, loop = in_(1), asyncio.get_running_loop()
    task = asyncio.ensure_future(deadline.within(later(20)))
    loop.call_later(1, task.cancel)
    await asyncio.wait([task])
    assert task.cancelled()


async def test_an_error_of_what_was_waited_for_comes_out_as_it_is() -> None:
    async def ends_badly() -> None:
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            raise ValueError("while it was ended") from None

    with pytest.raises(ValueError, match="while it was ended"):
        await in_(1).within(ends_badly())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_an_outer_deadline_that_is_sooner_is_its_own() -> None:
    deadline = in_(10)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await deadline.within(later(20))
    with pytest.raises(TimedOut):
        await deadline.within(later(20))
