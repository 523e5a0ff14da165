"""Back-off: one second doubling to sixty, jittered, and honest about what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.engine.backoff import FIRST, LAST, SPREAD, Backoff
from p42.model.refs import Ref

A, B = Ref("Note", "a"), Ref("Note", "b")


def test_delays_double_up_to_the_last() -> None:
    backoff = Backoff(lambda: 0.5)
    delays = [backoff.failed(A, 0.0) for _ in range(9)]
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 40))
def test_jitter_stays_within_its_spread(dice: float, tries: int) -> None:
    backoff = Backoff(lambda: dice)
    for _ in range(tries):
        delay = backoff.failed(A, 0.0)
    assert FIRST * (1 - SPREAD) <= delay <= LAST * (1 + SPREAD)


def test_names_do_not_share_their_failures() -> None:
    backoff = Backoff(lambda: 0.5)
    backoff.failed(A, 0.0)
    backoff.failed(A, 0.0)
    assert backoff.failed(B, 0.0) == 1.0


def test_a_reset_forgets_all_failures() -> None:
    backoff = Backoff(lambda: 0.5)
    for _ in range(5):
        backoff.failed(A, 0.0)
    backoff.reset(A)
    assert (backoff.attempts(A), backoff.left(A, 0.0), backoff.failed(A, 0.0)) == (0, 0.0, 1.0)


def test_what_a_failure_asks_for_is_kept() -> None:
    backoff = Backoff(lambda: 0.5)
    assert backoff.failed(A, 10.0, after=30.0) == 30.0
    assert backoff.left(A, 15.0) == pytest.approx(25.0)


def test_one_that_always_says_soon_is_asked_less_and_less() -> None:
    backoff = Backoff(lambda: 0.5)
    assert [backoff.failed(A, 0.0, after=0.1) for _ in range(6)] == [
        0.1, 0.1, 0.1, 8.0, 16.0, 32.0,
    ]  # fmt: skip
