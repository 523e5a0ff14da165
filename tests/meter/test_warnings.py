"""Who follows the meter hears of each mark, the end of the money, its return and a new month."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from p42.model.errors import Blocked
from p42.model.refs import Ref
from tests.meter.scene import DAY, Scene, hard, soft

PERSONAL = Ref("Account", "personal")
SPEC = hard(0.01, 0.5, 0.8)


async def heard(crossed: Any) -> Ref | None:
    """The next one; None = there is none."""
    try:
        async with asyncio.timeout(0.05):
            return await anext(crossed)
    except TimeoutError:
        return None


async def test_each_mark_rings_once_and_so_does_the_end(scene: Scene) -> None:
    told = []
    for used in (1_000, 4_500, 100, 3_000, 100, 1_300, 1):
        async with asyncio.TaskGroup() as group:
            ear = group.create_task(once(scene))
            await asyncio.sleep(0)
            try:
                await scene.call(SPEC, used)
            except Blocked:
                told.append("refused")
        if ear.result():
            told.append(scene.meter.spent("personal", SPEC).template.split(";")[0])
    assert told == [
        "50% of the month's budget of $0.01 is spent",
        "80% of the month's budget of $0.01 is spent",
        "the month's budget of $0.01 is used up",
        "refused",
    ]


async def once(scene: Scene) -> bool:
    async with aclosing(scene.meter.crossed()) as crossed:
        return await heard(crossed) == PERSONAL


async def test_a_refused_call_rings_and_a_smaller_one_that_fits_ends_it(scene: Scene) -> None:
    await scene.call(SPEC, 9_000)
    async with asyncio.TaskGroup() as group:
        ear = group.create_task(once(scene))
        await asyncio.sleep(0)
        with pytest.raises(Blocked):
            await scene.reserve(SPEC, 5_000)
    assert ear.result()
    standing = scene.meter.spent("personal", SPEC)
    assert standing.reason == "BudgetExceeded"
    assert "and the last call could have cost $0.005" in standing.message
    await scene.call(SPEC, 100)
    assert scene.meter.spent("personal", SPEC).reason == "BudgetWarning"


async def test_a_call_refused_only_for_others_under_way_is_no_end(scene: Scene) -> None:
    first = await scene.reserve(SPEC, 9_000)
    with pytest.raises(Blocked):
        await scene.reserve(SPEC, 9_000)
    assert scene.meter.spent("personal", SPEC).reason == ""
    await scene.settle(first, 0)


async def test_a_new_month_rings_for_everybody_who_was_near_the_end(scene: Scene) -> None:
    await scene.call(SPEC, 10_000)
    async with asyncio.TaskGroup() as group:
        ear = group.create_task(once(scene))
        await asyncio.sleep(0)
        scene.clock.go(20 * DAY)
        await scene.call(soft(1), 1, account="another")
    assert ear.result()
    assert scene.meter.spent("personal", SPEC).reason == ""


async def test_the_turn_of_a_month_is_noticed_without_a_call(scene: Scene) -> None:
    await scene.call(SPEC, 10_000)
    scene.clock.at = 1_769_903_999.97  # 30 ms before February
    async with asyncio.TaskGroup() as group:
        ear = group.create_task(patient(scene))
        await asyncio.sleep(0)
        scene.clock.at += 1
    assert ear.result() == PERSONAL


async def patient(scene: Scene) -> Ref:
    async with asyncio.timeout(5), aclosing(scene.meter.crossed()) as crossed:
        return await anext(crossed)
