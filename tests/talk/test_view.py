"""A view gets smaller until a vendor takes it, or comes to its end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.ai.talk.lessons import LASTS, MOST, Lessons
from p42.ai.talk.view import LEAST, View, budget_of, note_of, smaller
from p42.model.errors import Refused, TooLong
from p42.model.session import Turn
from tests.talk.test_window import conversations

MEMORY = {"keepFirst": 2, "window": 6}


@settings(max_examples=200)
@given(conversations(), st.booleans(), st.integers(1, 400))
def test_each_refusal_shows_something_else_and_the_last_question_stays(
    turns: list[Turn], long: bool, budget: int
) -> None:
    view: View | None = View(turns, MEMORY, budget)
    error = TooLong("no") if long else Refused("no")
    last = max(turn.number for turn in turns if turn.role == "user")
    seen: list[list[int]] = []
    while view is not None:
        shown = [turn.number for turn in view.window.shown]
        left = [turn.number for turn in view.left_out]
        assert last in shown
        assert sorted(shown + left) == [turn.number for turn in turns]
        assert shown not in seen
        seen.append(shown)
        smallest, view = view, smaller(view, error)
    if long:
        asked = [turn for turn in smallest.window.shown if turn.role == "user"]
        assert [turn.number for turn in asked] == [last]


@given(
    st.integers(0, 10**7), st.integers(1, 10**5), st.integers(0, 10**6),
    st.lists(st.none() | st.integers(0, 10**6), max_size=2),
)  # fmt: skip
def test_a_budget_leaves_room_for_the_answer_and_is_never_more_than_is_allowed(
    room: int, answer: int, told: int, most: list[int | None]
) -> None:
    budget = budget_of(room, answer=answer, told=told, most=most)
    assert all(each is None or budget <= each for each in most)
    assert budget <= max(LEAST, room - told - min(answer, room // 2) - note_of(room))
    if not any(each is not None for each in most):
        assert budget >= LEAST


def test_a_lesson_is_forgotten_after_its_time() -> None:
    now = [0.0]
    lessons, key = Lessons(lambda: now[0]), ("main", "small")
    lessons.learn("s", key, budget=100, doubted=frozenset({3}))
    assert lessons.budget(key) == 100
    assert lessons.doubted("s", key) == {3}
    assert lessons.budget(("main", "large")) is None
    assert not lessons.doubted("other", key)
    now[0] = LASTS
    assert lessons.budget(key) is None
    assert not lessons.doubted("s", key)


@pytest.mark.parametrize("budget", [None, 1])
def test_lessons_are_bounded(budget: int | None) -> None:
    lessons = Lessons(lambda: 0.0)
    for n in range(MOST + 1):
        lessons.learn(f"s{n}", (None, f"m{n}"), budget=budget, doubted=frozenset({1}))
    assert not lessons.doubted("s0", (None, "m0"))
    assert lessons.doubted(f"s{MOST}", (None, f"m{MOST}"))
    assert lessons.budget((None, "m0")) is None
