"""The window shows the first K and the last N, and says what it leaves out."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from p42.ai.talk.window import digest, messages, note, tokens, window, without_calls
from p42.model.plan import Instant
from p42.model.session import Role, Turn


def talk(count: int, *, size: int = 1) -> list[Turn]:
    """Questions and answers in turn."""
    roles = ("user", "assistant")
    return [Turn(n, roles[n % 2], f"m{n}" + "x" * size, Instant(0)) for n in range(count)]


def numbers(turns: tuple[Turn, ...]) -> list[int]:
    return [turn.number for turn in turns]


CALL = {"calls": [{"id": "c", "name": "t", "arguments": {}}]}


@st.composite
def conversations(draw: st.DrawFn) -> list[Turn]:
    """As they come about: questions that nobody answered, tools, answers cut or empty; the last
    question is being answered."""
    turns: list[Turn] = []

    def add(role: Role, text: str, *, cut: bool = False, **more: Any) -> None:
        turns.append(Turn(len(turns), role, text and f"{role} {len(turns)}", Instant(0), cut, more))

    for _ in range(draw(st.integers(0, 12))):
        add("user", "q")
        for _ in range(draw(st.integers(0, 2))):
            add("assistant", draw(st.sampled_from(["", "a"])), **CALL)
            if draw(st.booleans()):
                add("tool", "r", answers="c")
        if draw(st.integers(0, 3)):
            add("assistant", draw(st.sampled_from(["a", "a", ""])), cut=draw(st.booleans()))
    add("user", "q")
    for _ in range(draw(st.integers(0, 2))):
        add("assistant", "", **CALL)
        add("tool", "r", answers="c")
    return turns


KEEPS, LASTS = st.integers(0, 6), st.integers(1, 12)


@settings(max_examples=300)
@given(conversations(), KEEPS, LASTS, st.none() | st.integers(1, 200))
def test_every_turn_is_shown_or_skipped_and_the_last_question_with_what_came_of_it_is_shown(
    turns: list[Turn], keep_first: int, last: int, budget: int | None
) -> None:
    made = window(turns, keep_first=keep_first, last=last, budget=budget)
    assert [*made.first, *made.skipped, *made.last] == turns
    newest = max(turn.number for turn in turns if turn.role == "user")
    asked = turns[newest:]
    assert list(made.last[-len(asked) :]) == asked
    assert len(made.first) <= keep_first + 1
    assert len(made.last) <= max(last, len(asked)) or not made.skipped
    assert len(turns) > keep_first + last or budget is not None or not made.skipped
    spent = sum(tokens(turn.content) for turn in made.shown)
    assert budget is None or spent <= budget or list(made.shown) == asked


@settings(max_examples=300)
@given(conversations(), KEEPS, LASTS, st.none() | st.integers(1, 200), st.booleans())
def test_user_and_assistant_alternate_and_only_neighbours_are_joined(
    turns: list[Turn], keep_first: int, last: int, budget: int | None, tools: bool
) -> None:
    """Two answers that were said far apart once became one, and its question was left out."""
    shown = window(turns, keep_first=keep_first, last=last, budget=budget).shown
    said = messages(shown if tools else without_calls(shown))
    roles = [each.role for each in said]
    assert roles[0] == "user"
    for before, role in pairwise(roles):
        assert role != before or role == "tool"
        assert role != "tool" or before in ("assistant", "tool")
    for each in said:
        found = [int(n) for n in re.findall(r"(?:user|assistant) (\d+)", each.content)]
        between = range(min(found, default=0), max(found, default=-1) + 1)
        assert set(between) <= {turn.number for turn in shown}
    assert f"user {shown[-1].number}" in said[-1].content or shown[-1].role == "tool"


def test_no_answer_stands_under_a_question_that_it_does_not_answer() -> None:
    made = window(talk(7), keep_first=2, last=4)
    assert numbers(made.shown) == [0, 1, 4, 5, 6]
    said = [each.content[:2] for each in messages(made.shown)]
    assert said == ["m0", "m1", "m4", "m5", "m6"]
    assert numbers(window(talk(9), keep_first=1, last=4).shown) == [0, 1, 6, 7, 8]


def test_the_original_shows_two_and_seventeen() -> None:
    made = window(talk(31), keep_first=2, last=17)
    assert numbers(made.first) == [0, 1]
    assert numbers(made.last) == list(range(14, 31))


def test_alone_the_last_part_begins_with_a_question() -> None:
    made = window(talk(11), keep_first=0, last=4)
    assert numbers(made.shown) == [8, 9, 10]


def test_a_tools_result_is_never_shown_without_its_call() -> None:
    call = {"calls": [{"id": "c", "name": "t", "arguments": {}}]}
    turns = [
        Turn(0, "user", "q", Instant(0)),
        Turn(1, "assistant", "", Instant(0), more=call),
        Turn(2, "tool", "r", Instant(0), more={"answers": "c"}),
        Turn(3, "assistant", "a", Instant(0)),
        Turn(4, "user", "again", Instant(0)),
    ]
    assert numbers(window(turns, keep_first=0, last=3).shown) == [4]
    assert numbers(window(turns, keep_first=2, last=2).shown) == [4]
    assert numbers(window(turns, keep_first=3, last=1).shown) == [0, 1, 2, 3, 4]


def test_the_question_that_tools_help_to_answer_is_shown_however_many_they_are() -> None:
    turns = [Turn(0, "user", "old", Instant(0)), Turn(1, "assistant", "a", Instant(0)),
             Turn(2, "user", "q", Instant(0))]  # fmt: skip
    for n in range(3, 15, 2):
        call = {"calls": [{"id": f"c{n}", "name": "t", "arguments": {}}]}
        turns.append(Turn(n, "assistant", "", Instant(0), more=call))
        turns.append(Turn(n + 1, "tool", "r", Instant(0), more={"answers": f"c{n}"}))
    for budget in (None, 1):
        made = window(turns, keep_first=0, last=4, budget=budget)
        assert numbers(made.shown) == list(range(2, 15))


def test_a_call_that_broke_off_has_a_result_that_says_so() -> None:
    call = {"calls": [{"id": i, "name": "t", "arguments": {}} for i in ("c", "d")]}
    turns = [
        Turn(0, "user", "q", Instant(0)),
        Turn(1, "assistant", "", Instant(0), more=call),
        Turn(2, "tool", "r", Instant(0), more={"answers": "c"}),
        Turn(3, "user", "and?", Instant(0)),
        Turn(4, "tool", "late", Instant(0), more={"answers": "x"}),
    ]
    told = [(m.role, m.answers) for m in messages(turns)]
    assert told == [("user", ""), ("assistant", ""), ("tool", "c"), ("tool", "d"), ("user", "")]


def test_what_is_left_out_is_told() -> None:
    made = window(talk(31), keep_first=2, last=17)
    said = note(len(made.skipped), digest(made.skipped))
    assert said.startswith("12 earlier messages")
    assert "- m2" in said
    assert note(3, "tea").endswith("\ntea")
    assert note(0, "tea") == ""


def test_one_long_message_at_the_beginning_hides_nothing_that_came_later() -> None:
    turns = talk(24)
    turns[0] = Turn(0, "user", "long " * 2000, Instant(0))
    made = window(turns[:23], keep_first=2, last=20, budget=2600)
    assert not made.first
    assert len(made.last) >= 19


def test_a_long_gap_is_counted_not_listed() -> None:
    assert digest(talk(100)).startswith("- (26 earlier messages)")


def test_an_empty_answer_keeps_the_questions_around_it_apart() -> None:
    roles: tuple[Role, ...] = ("user", "assistant", "user")
    turns = [Turn(n, role, "q" * (n % 2 == 0), Instant(0)) for n, role in enumerate(roles)]
    assert [m.content for m in messages(turns)] == ["q", "[nothing was answered]", "q"]


def test_two_of_one_side_in_a_row_become_one_message() -> None:
    turns = [Turn(n, "user", text, Instant(0)) for n, text in enumerate(["a", " ", "b"])]
    assert [(m.role, m.content) for m in messages(turns)] == [("user", "a\n\nb")]


def test_a_cut_answer_is_shown_as_cut() -> None:
    (message,) = messages([Turn(0, "assistant", "so f", Instant(0), cut=True)])
    assert message.content == "so f [the answer broke off here]"
