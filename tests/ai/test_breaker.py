"""The breaker and the patience between tries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.ai.accounts.breaker import FAILURES, FIRST, LONGEST, Breaker
from p42.ai.accounts.patience import TRIES, Down, Held, pause
from p42.model.completion import Cut
from p42.model.errors import Blocked, P42Error, Retry


class Hands:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def broken() -> tuple[Breaker, Hands]:
    clock = Hands()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.enter("Account/a")
        breaker.failed()
    return breaker, clock


def test_failures_in_a_row_open_it_and_it_says_how_to_ask_all_the_same() -> None:
    breaker, _ = broken()
    with pytest.raises(Down, match="p42 account check a") as refused:
        breaker.enter("Account/a")
    assert refused.value.reason == "ProviderDown"
    assert refused.value.after == FIRST


def test_failures_that_are_not_in_a_row_do_not() -> None:
    breaker = Breaker(Hands())
    for _ in range(3 * FAILURES):
        breaker.failed()
        breaker.passed()
    breaker.enter("Account/a")


def test_when_the_while_is_over_one_goes_through_and_the_others_wait_for_it() -> None:
    breaker, clock = broken()
    clock.now = FIRST
    breaker.enter("Account/a")
    with pytest.raises(Down):
        breaker.enter("Account/a")
    breaker.passed()
    breaker.enter("Account/a")
    breaker.enter("Account/a")


def test_a_try_that_fails_doubles_the_while_up_to_a_limit() -> None:
    breaker, clock = broken()
    waits = []
    for _ in range(8):
        clock.now += breaker.left
        breaker.enter("Account/a")
        breaker.failed()
        waits.append(breaker.left)
    assert waits[0] == 2 * FIRST
    assert waits[-1] == LONGEST
    assert waits == sorted(waits)


def test_a_try_that_was_cancelled_tells_nothing_and_the_next_may_try() -> None:
    breaker, clock = broken()
    clock.now = FIRST
    breaker.enter("Account/a")
    breaker.left_off()
    breaker.enter("Account/a")


@given(random=st.floats(0, 1), tried=st.integers(1, TRIES - 1))
def test_what_the_vendor_asks_for_is_kept_to_the_letter(random: float, tried: int) -> None:
    error = Retry("slow down", after=7.5, reason="RateLimited")
    assert pause(error, tried, lambda: random) == 7.5


@given(random=st.floats(0, 1))
def test_without_a_word_of_the_vendors_the_waits_double_and_are_spread(random: float) -> None:
    first, second = (pause(Retry("down"), tried, lambda: random) for tried in (1, 2))
    assert first is not None
    assert second == pytest.approx(2 * first)
    assert 0.375 <= first <= 0.625


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (Retry("429"), True),
        (Cut("lost"), True),
        (Cut("lost", said="half an"), False),
        (Cut("garbled", passes=False), False),
        (Down("open"), False),
        (Blocked("no such model"), False),
    ],
)
def test_only_what_may_help_is_tried_again(error: P42Error, again: bool) -> None:
    assert (pause(error, 1, lambda: 0.5) is not None) == again
    assert pause(error, TRIES, lambda: 0.5) is None


def test_a_limit_of_ours_uses_up_no_try() -> None:
    assert pause(Held("our own limit", after=3.0), TRIES, lambda: 0.5) == 3.0
