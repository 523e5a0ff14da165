"""The window shows the first K and the last N, and says what it leaves out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p42.ai.window import digest, messages, note, tokens, window
from p42.model.plan import Instant
from p42.model.session import Turn


def talk(count: int, *, size: int = 1) -> list[Turn]:
    """Questions and answers in turn."""
    roles = ("user", "assistant")
    return [Turn(n, roles[n % 2], f"m{n}" + "x" * size, Instant(0)) for n in range(count)]


def numbers(turns: tuple[Turn, ...]) -> list[int]:
    return [turn.number for turn in turns]


@given(st.integers(1, 40), st.integers(0, 6), st.integers(1, 20))
def test_every_turn_is_shown_or_skipped_once_and_the_last_is_shown(
    count: int, keep_first: int, last: int
) -> None:
    turns = talk(count)
    made = window(turns, keep_first=keep_first, last=last)
    assert [*made.first, *made.skipped, *made.last] == turns
    assert made.shown[-1] == turns[-1]
    assert len(made.shown) <= max(1, keep_first + last)
    assert count > keep_first + last or not made.skipped


def test_the_original_shows_two_and_seventeen() -> None:
    made = window(talk(31), keep_first=2, last=17)
    assert numbers(made.first) == [0, 1]
    assert numbers(made.last) == list(range(14, 31))


def test_alone_the_last_part_begins_with_a_question() -> None:
    made = window(talk(11), keep_first=0, last=4)
    assert numbers(made.shown) == [8, 9, 10]


@given(st.integers(2, 30), st.integers(1, 400))
def test_a_budget_is_kept_but_for_the_last_turn(count: int, budget: int) -> None:
    turns = talk(count, size=20)
    made = window(turns, keep_first=2, last=20, budget=budget)
    spent = sum(tokens(turn.content) for turn in made.shown)
    assert spent <= budget or made.shown == (turns[-1],)
    assert made.shown[-1] == turns[-1]


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
    assert numbers(window(turns, keep_first=2, last=2).shown) == [0, 3, 4]


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
    said = note(made.skipped, "")
    assert said.startswith("12 earlier messages")
    assert "- m2" in said
    assert note(made.skipped, "tea").endswith("\ntea")
    assert note((), "tea") == ""


def test_a_long_gap_is_counted_not_listed() -> None:
    assert digest(talk(100)).startswith("- (26 earlier messages)")


def test_two_of_one_side_in_a_row_become_one_message() -> None:
    turns = [Turn(n, "user", text, Instant(0)) for n, text in enumerate(["a", " ", "b"])]
    assert [(m.role, m.content) for m in messages(turns)] == [("user", "a\n\nb")]


def test_a_cut_answer_is_shown_as_cut() -> None:
    (message,) = messages([Turn(0, "assistant", "so f", Instant(0), cut=True)])
    assert message.content == "so f [the answer broke off here]"
