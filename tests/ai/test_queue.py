"""The fair queue: turns agent by agent, none lost, none given twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.ai.accounts.queue import MOST_WAITING, FairQueue
from p42.model.errors import Retry


@asynccontextmanager
async def turn(queue: FairQueue, agent: str) -> AsyncIterator[None]:
    await queue.take(agent)
    try:
        yield
    finally:
        queue.give_back()


async def order(queue: FairQueue, agents: str) -> str:
    """Who got the turns, in order, when all of `agents` came while the queue was full."""
    got: list[str] = []

    async def work(agent: str) -> None:
        async with turn(queue, agent):
            got.append(agent)

    async with asyncio.TaskGroup() as group, turn(queue, "first"):
        for agent in agents:
            group.create_task(work(agent))
            await asyncio.sleep(0)
    return "".join(got)


async def test_one_call_waits_for_a_turn_of_each_other_agent_not_for_all_their_calls() -> None:
    assert await order(FairQueue(1), "aaaaab") == "abaaaa"
    assert await order(FairQueue(1), "aaabbbc") == "abcabab"


async def test_an_agents_own_calls_are_served_in_their_order() -> None:
    assert await order(FairQueue(1), "abcabc") == "abcabc"


async def test_without_a_limit_nobody_waits() -> None:
    queue = FairQueue()
    for _ in range(5000):
        await queue.take("a")
    assert (queue.out, queue.waiting) == (5000, 0)


async def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    queue = FairQueue(1)
    await queue.take("a")
    waiter = asyncio.ensure_future(queue.take("b"))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    assert (queue.out, queue.waiting) == (1, 0)
    queue.give_back()
    assert queue.out == 0


async def test_a_turn_that_comes_to_a_cancelled_waiter_is_handed_on() -> None:
    queue = FairQueue(1)
    await queue.take("a")
    late, next_ = (asyncio.ensure_future(queue.take(name)) for name in "bc")
    await asyncio.sleep(0)
    queue.give_back()  # the turn is b's, who has not run yet
    late.cancel()
    async with asyncio.timeout(1):
        await next_
    assert late.cancelled()
    assert (queue.out, queue.waiting) == (1, 0)


async def test_a_raised_limit_lets_in_who_waits_and_a_lowered_one_throws_nobody_out() -> None:
    queue = FairQueue(1)
    waiters = [asyncio.ensure_future(queue.take("a")) for _ in range(4)]
    await asyncio.sleep(0)
    queue.allow(3)
    await asyncio.sleep(0)
    assert (queue.out, queue.waiting) == (3, 1)
    queue.allow(1)
    assert queue.out == 3
    for _ in range(3):
        queue.give_back()
    await asyncio.wait(waiters)
    assert queue.out == 1


async def test_too_many_who_wait_are_told_to_come_later() -> None:
    queue = FairQueue(1)
    waiters = [asyncio.ensure_future(queue.take("a")) for _ in range(MOST_WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(Retry, match="already wait") as refused:
        await queue.take("b")
    assert refused.value.reason == "RateLimited"
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), limit=st.integers(1, 4), calls=st.integers(1, 40))
def test_never_more_than_allowed_and_none_lost_whoever_is_cancelled_when(
    seed: int, limit: int, calls: int
) -> None:
    draw = random.Random(seed)

    async def run() -> None:
        queue, out, most = FairQueue(limit), 0, 0

        async def work(agent: str) -> None:
            nonlocal out, most
            async with turn(queue, agent):
                out += 1
                most = max(most, out)
                try:
                    for _ in range(draw.randrange(3)):
                        await asyncio.sleep(0)
                finally:
                    out -= 1

        tasks = [asyncio.ensure_future(work(draw.choice("abc"))) for _ in range(calls)]
        for task in tasks:
            await asyncio.sleep(0)
            if draw.random() < 0.4:
                draw.choice(tasks).cancel()
            assert task is not None
        async with asyncio.timeout(5):
            await asyncio.wait(tasks)
        assert most <= limit
        assert (queue.out, queue.waiting, out) == (0, 0, 0)

    asyncio.run(run())
