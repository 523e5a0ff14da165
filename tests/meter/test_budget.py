"""Budgets: a call that could overspend is not made; nothing is billed twice or forgotten."""

from __future__ import annotations

import math
from typing import Any

import pytest

from p42.ai.meter.refusals import Repeated
from p42.model.completion import Usage
from p42.model.errors import Blocked, InvalidInput
from p42.model.money import FREE, Price
from tests.meter.scene import DAY, JANUARY, Scene, Timepiece, hard, opened, soft

CENT = hard(0.01)  # 10,000 micro-dollars


async def test_a_hard_budget_refuses_the_call_that_could_overspend(scene: Scene) -> None:
    assert await scene.call(CENT, 9_000) == 9_000
    with pytest.raises(
        Blocked, match=r"account/personal: this call could cost \$0\.001001"
    ) as said:
        await scene.reserve(CENT, 1_001)
    assert said.value.reason == "BudgetExceeded"
    assert "raise budget.monthlyUsd" in str(said.value)
    assert await scene.call(CENT, 1_000) == 1_000


async def test_what_is_set_aside_counts_until_the_call_has_ended(scene: Scene) -> None:
    first = await scene.reserve(CENT, 6_000)
    with pytest.raises(Blocked, match=r"\$0\.006 set aside for calls under way"):
        await scene.reserve(CENT, 6_000)
    await scene.settle(first, 10)
    assert await scene.call(CENT, 6_000) == 6_000


async def test_a_soft_budget_refuses_nothing_and_warns(scene: Scene) -> None:
    spec = soft(0.01, 0.5)
    assert scene.meter.spent("personal", spec).reason == ""
    for used, mark in ((6_000, 0.5), (6_000, 1.0)):
        await scene.call(spec, used)
        assert scene.meter.spent("personal", spec).mark == mark
    standing = scene.meter.spent("personal", spec)
    assert standing.reason == "BudgetWarning"
    assert standing.message == (
        "$0.012 of $0.01 are spent in 2026-01 (UTC); calls go on: the budget is not hard"
    )


async def test_free_models_stay_usable_after_the_budget_ends(scene: Scene) -> None:
    await scene.call(CENT, 10_000)
    assert scene.meter.spent("personal", CENT).reason == "BudgetExceeded"
    reservation = await scene.reserve(CENT, 500, price=FREE)
    assert await scene.settle(reservation, Usage(500, 20), price=FREE) == 0
    assert scene.meter.spent("personal", CENT).month == 10_000


async def test_a_model_without_a_price_is_refused_under_a_hard_budget_alone(scene: Scene) -> None:
    with pytest.raises(Blocked, match=r"no price is known for some-model.*spec\.prices"):
        await scene.reserve(CENT, price=None)
    for spec in (soft(0.01), {"provider": "openai"}):
        reservation = await scene.reserve(spec, price=None)
        assert await scene.settle(reservation, 100, price=None) == 0


@pytest.mark.parametrize("part", [math.nan, math.inf, -1, -math.inf, 1.5, 10**16, True])
async def test_what_is_no_price_is_refused(scene: Scene, part: Any) -> None:
    for place in range(4):
        parts = [0, 0, 0, 0]
        parts[place] = part
        with pytest.raises(InvalidInput, match="no amount of money"):
            await scene.reserve(CENT, price=Price(*parts))
    assert scene.meter.spent("personal", CENT).month == 0


@pytest.mark.parametrize("amount", [math.nan, math.inf, -1, "much", None])
async def test_what_is_no_budget_is_refused(scene: Scene, amount: Any) -> None:
    spec = {"budget": {"monthlyUsd": amount, "hard": True}}
    with pytest.raises(InvalidInput, match="account/personal: its limits do not hold"):
        await scene.reserve(spec)


@pytest.mark.parametrize("tokens", [-1, math.nan, 1.0, 10**9])
async def test_what_is_no_number_of_tokens_is_refused(scene: Scene, tokens: Any) -> None:
    with pytest.raises(InvalidInput, match="tokens"):
        await scene.reserve(CENT, tokens)


@pytest.mark.parametrize("input_", [-5, math.nan, 10**12, 1.5])
async def test_usage_that_cannot_be_counts_as_the_worst_case(scene: Scene, input_: Any) -> None:
    reservation = await scene.reserve(CENT, 700)
    assert await scene.settle(reservation, Usage(input=input_)) == 700


@pytest.mark.parametrize(
    ("outcome", "cost"), [("failed", 0), ("cut", 700), ("cancelled", 700), ("ok", 700)]
)
async def test_without_usage_a_call_that_went_out_counts_at_its_worst(
    scene: Scene, outcome: str, cost: int
) -> None:
    reservation = await scene.reserve(CENT, 700)
    assert await scene.settle(reservation, None, outcome=outcome) == cost
    assert scene.meter.spent("personal", CENT).month == cost


async def test_a_bill_above_the_worst_case_counts_as_it_is_and_stops_the_next(scene: Scene) -> None:
    reservation = await scene.reserve(CENT, 100)
    assert await scene.settle(reservation, 20_000) == 20_000
    with pytest.raises(Blocked):
        await scene.reserve(CENT, 1)


async def test_a_price_that_broke_in_between_counts_as_the_worst_case(scene: Scene) -> None:
    for price in (None, Price(-1, 0, 0, 0)):
        reservation = await scene.reserve(CENT, 700)
        assert await scene.settle(reservation, 10, price=price) == 700


async def test_a_request_is_billed_once_however_often_it_is_settled(scene: Scene) -> None:
    reservation = await scene.reserve(CENT, 500, request="once")
    assert await scene.settle(reservation, 400) == 400
    assert await scene.settle(reservation, 500) == 400
    assert scene.meter.spent("personal", CENT).month == 400


async def test_a_request_that_was_billed_is_not_made_again(home: Any) -> None:
    with opened(home) as scene:
        await scene.call(CENT, 400, request="once")
        with pytest.raises(Repeated, match=r"request once was made before and cost \$0\.0004"):
            await scene.reserve(CENT, 400, request="once")
    with opened(home) as scene:
        with pytest.raises(Repeated) as said:
            await scene.reserve(CENT, 400, request="once")
        assert said.value.cost == 400
        assert scene.meter.spent("personal", CENT).month == 400


async def test_a_request_under_way_is_not_made_beside_itself(scene: Scene) -> None:
    await scene.reserve(CENT, request="once")
    with pytest.raises(Blocked, match="under way"):
        await scene.reserve(CENT, request="once")
    assert scene.meter.spent("personal", CENT).held == 100


async def test_what_failed_before_it_cost_anything_may_be_asked_again(scene: Scene) -> None:
    await scene.settle(await scene.reserve(CENT, request="once"), None, outcome="failed")
    assert await scene.call(CENT, 50, request="once") == 50


async def test_a_request_was_billed_when_a_later_try_of_it_was(scene: Scene) -> None:
    await scene.settle(await scene.reserve(CENT, request="once"), None, outcome="failed")
    await scene.call(CENT, 70, request="once", attempt=2)
    with pytest.raises(Repeated) as said:
        await scene.reserve(CENT, request="once")
    assert said.value.cost == 70
    assert await scene.call(CENT, 5, request="onc") == 5


async def test_a_new_month_has_its_own_money_and_the_old_one_does_not_come_back(
    scene: Scene,
) -> None:
    await scene.call(CENT, 10_000)
    scene.clock.go(20 * DAY)
    assert scene.meter.spent("personal", CENT).period == "2026-02"
    await scene.call(CENT, 4_000)
    scene.clock.at = JANUARY  # the clock is set back
    standing = scene.meter.spent("personal", CENT)
    assert (standing.period, standing.month) == ("2026-01", 14_000)
    with pytest.raises(Blocked):
        await scene.reserve(CENT, 1)


async def test_a_month_in_which_the_clock_was_set_ahead_is_not_opened_once_more(
    home: Any,
) -> None:
    clock = Timepiece()
    with opened(home, clock) as scene:
        clock.at += 400 * DAY
        await scene.call(CENT, 9_000)
        clock.at = JANUARY
        with pytest.raises(Blocked):
            await scene.reserve(CENT, 2_000)
        assert await scene.call(CENT, 1_000) == 1_000
    with opened(home, Timepiece(JANUARY - 60 * DAY)) as scene, pytest.raises(Blocked):
        await scene.reserve(CENT, 1)


async def test_a_call_counts_in_the_month_it_was_reserved_in(scene: Scene) -> None:
    reservation = await scene.reserve(CENT, 5_000)
    scene.clock.go(20 * DAY)
    await scene.settle(reservation, 5_000)
    assert scene.meter.spent("personal", CENT).month == 0


async def test_a_raised_budget_goes_on_at_once(scene: Scene) -> None:
    await scene.call(CENT, 9_999)
    with pytest.raises(Blocked):
        await scene.reserve(CENT, 100)
    assert scene.meter.spent("personal", CENT).reason == "BudgetExceeded"
    assert scene.meter.spent("personal", hard(0.02)).reason == ""
    assert await scene.call(hard(0.02), 100) == 100


async def test_a_call_larger_than_the_whole_budget_says_so_and_ends_nothing(scene: Scene) -> None:
    with pytest.raises(Blocked, match=r"more than the whole budget of \$0\.01"):
        await scene.reserve(CENT, 10_001)
    assert scene.meter.spent("personal", CENT).reason == ""


async def test_accounts_do_not_share_money(scene: Scene) -> None:
    await scene.call(CENT, 10_000, account="one")
    assert await scene.call(CENT, 10_000, account="two") == 10_000
