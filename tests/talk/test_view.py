"""A view gets smaller until a vendor takes it, or comes to its end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from p42.ai.talk.lessons import LASTS, MOST, Lessons
from p42.ai.talk.view import LEAST, SHORTENED, View, shortened, smaller, space_of
from p42.ai.talk.window import tokens
from p42.model.errors import Refused, TooLong
from p42.model.plan import Instant
from p42.model.session import Role, Session, Turn
from tests.talk.test_window import conversations

MEMORY = {"keepFirst": 2, "window": 6}
ASKED = Session("s", "muse", Instant(0), Instant(0))


@settings(max_examples=200)
@given(conversations(), st.booleans(), st.integers(0, 400), st.none() | st.integers(1, 50))
def test_each_refusal_shows_something_else_and_the_last_question_stays(
    turns: list[Turn], long: bool, space: int, declared: int | None
) -> None:
    memory = {**MEMORY, "maxTokens": declared}
    view: View | None = View(ASKED, turns, memory, space)
    error = TooLong("no") if long else Refused("no")
    last = max(turn.number for turn in turns if turn.role == "user")
    seen: list[tuple[list[int], str]] = []
    while view is not None:
        shown = [turn.number for turn in view.window.shown]
        assert last in shown
        skipped = [turn.number for turn in view.window.skipped]
        assert sorted([*shown, *skipped, *view.doubted]) == [turn.number for turn in turns]
        assert bool(view.note) == (len(shown) < len(turns))
        seen.append((shown, view.note))
        assert len(seen) < 40
        smallest, view = view, smaller(view, error)
    if long:
        assert [t.number for t in smallest.window.shown if t.role == "user"] == [last]
        assert "In short" not in smallest.note or not smallest.space


@given(st.integers(0, 10**7), st.integers(1, 10**5), st.integers(0, 10**6))
def test_a_space_leaves_room_for_the_answer(room: int, answer: int, told: int) -> None:
    space = space_of(room, answer=answer, told=told)
    assert space >= LEAST
    assert space <= max(LEAST, room - told - min(answer, room // 2))


@given(st.text(max_size=200), st.integers(0, 60))
def test_what_is_shortened_says_so(text: str, most: int) -> None:
    short = shortened(text, most)
    assert short == text or short.endswith(SHORTENED)
    assert tokens(short.removesuffix(SHORTENED)) <= max(most, 0) + 4 or short == text


def test_of_a_question_that_is_doubted_no_word_is_told() -> None:
    words = ("one", "two", "forbidden", "three")
    roles: tuple[Role, ...] = ("user", "assistant", "user", "user")
    turns = [Turn(n, roles[n], words[n], Instant(0)) for n in range(4)]
    view = smaller(View(ASKED, turns, {**MEMORY, "maxTokens": None}, 1000), Refused("no"))
    assert view is not None
    assert [turn.content for turn in view.window.shown] == ["one", "two", "three"]
    assert view.note == (
        "1 earlier messages of this conversation are not shown, 1 of them since the provider "
        "would not take them."
    )
    assert smaller(view, Refused("no")) is None


def test_a_lesson_is_forgotten_after_its_time() -> None:
    now = [0.0]
    lessons, key = Lessons(lambda: now[0]), ("main", "openai", "small")
    lessons.took(key, 100)
    lessons.doubt("s", key, frozenset({3}))
    assert lessons.room(key) == 100
    assert lessons.doubted("s", key) == {3}
    assert lessons.room(("main", "openai", "large")) is None
    assert not lessons.doubted("other", key)
    now[0] = LASTS
    assert lessons.room(key) is None
    assert not lessons.doubted("s", key)


def test_lessons_are_bounded() -> None:
    lessons = Lessons(lambda: 0.0)
    for n in range(MOST + 1):
        lessons.took(("", "", f"m{n}"), n)
        lessons.doubt(f"s{n}", ("", "", "m"), frozenset({1}))
    assert lessons.room(("", "", "m0")) is None
    assert lessons.room(("", "", f"m{MOST}")) == MOST
    assert not lessons.doubted("s0", ("", "", "m"))
    assert lessons.doubted(f"s{MOST}", ("", "", "m"))
