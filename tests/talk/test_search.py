"""A search finds what a slow plain one finds, the best first, and of equals the latest."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.model.errors import InvalidInput
from p42.model.plan import Instant
from p42.model.session import Found, Turn
from p42.stores.sessions.rows import ADD, turn_row
from p42.stores.sessions.search import CHARACTERS, ENDINGS, MOST_WORDS, RANKED, search
from p42.stores.sessions.tables import AGENT, migrate

AGENTS = ("muse", "bard", "muse2")
PARTS = st.sampled_from(["tea", "teapot", "Team", "t", "be", "abcdefg", "abcdefgh", "abcdefx",
                         "你", "好", "书", " ", " ", " ", "-"])  # fmt: skip
TEXT = st.lists(PARTS, max_size=9).map("".join)


@contextmanager
def kept(said: Sequence[tuple[str, str]]) -> Iterator[sqlite3.Connection]:
    """Messages (agent, text), the newest last: number N has the key N+1."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db, Path("memory"))
    rows = [turn_row(agent, Turn(n, "user", text, Instant(1)), n)
            for n, (agent, text) in enumerate(said)]  # fmt: skip
    for agent in {agent for agent, _ in said}:
        db.execute("INSERT INTO sessions (id, agent, created, last) VALUES (?, ?, 1, 1)",
                   (agent, agent))  # fmt: skip
    db.executemany(ADD, rows)
    try:
        yield db
    finally:
        db.close()


def find(db: sqlite3.Connection, words: str, agent: str = "", limit: int = 50) -> Found:
    return search(db, words, agent=agent, limit=limit)


def numbers(found: Found) -> list[int]:
    return [hit.number for hit in found.hits]


def tokens(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+|[你好书]", text.lower())


def times(text: str, phrase: list[str], *, begins: bool) -> int:
    """How often `phrase` stands in `text`."""
    said, size = tokens(text), len(phrase)
    runs = [said[at : at + size] for at in range(len(said) - size + 1)]
    if begins:
        return sum(run[:-1] == phrase[:-1] and run[-1].startswith(phrase[-1]) for run in runs)
    return runs.count(phrase)


def plain(said: Sequence[tuple[str, str]], words: str, agent: str) -> dict[int, list[int]]:
    """How often each phrase stands in each message that holds them all."""
    asked = [each for run in re.split(r"[ -]", words) if (each := tokens(run))]
    found = {
        number: [times(text, each, begins=each is asked[-1]) for each in asked]
        for number, (of, text) in enumerate(said) if agent in ("", of)
    }  # fmt: skip
    return {number: counts for number, counts in found.items() if asked and all(counts)}


def worth(counts: list[int], size: int, average: float) -> float:
    """BM25 as FTS5 has it, where each word is as rare as any other."""
    return sum(f * 2.2 / (f + 1.2 * (0.25 + 0.75 * size / average)) for f in counts)


@settings(max_examples=120, deadline=None)
@given(
    said=st.lists(st.tuples(st.sampled_from(AGENTS), TEXT), max_size=12),
    words=TEXT, agent=st.sampled_from(["", *AGENTS, "nobody"]),
)  # fmt: skip
def test_a_search_finds_what_a_plain_one_finds_best_first(
    said: list[tuple[str, str]], words: str, agent: str
) -> None:
    with kept(said) as db:
        found = find(db, words, agent)
        assert found == find(db, words, agent)
    expected = plain(said, words, agent)
    assert sorted(numbers(found)) == sorted(expected)
    assert (found.ranked, found.more) == (len(expected), False)
    sizes = {number: len(tokens(said[number][1])) for number in expected}
    average = sum(sizes.values()) / max(1, len(sizes))
    scores = [
        (-round(worth(expected[n], sizes[n], average), 9), -n) for n in numbers(found)
    ]  # the newest first where they are worth the same
    assert scores == sorted(scores)


@pytest.mark.parametrize("words", ["tea", "te", "你", "tea 你", "longer"])
def test_of_very_many_the_latest_are_ranked_and_it_says_so(words: str) -> None:
    best = [("muse", "tea 你 longer-words tea 你 longer-words")] * 3
    with kept([*best, *[("muse", "tea 你 longerwords and so on")] * RANKED]) as db:
        found = find(db, words, limit=RANKED * 2)
        assert (found.ranked, found.more) == (RANKED, True)
        assert numbers(found) == list(range(RANKED + 2, 2, -1))
        assert numbers(find(db, words, limit=7)) == numbers(found)[:7]
        assert numbers(find(db, words, limit=0)) == []
    with kept([*best, *[("muse", "tea 你 longerwords")] * (RANKED - 3)]) as db:
        found = find(db, words, limit=RANKED)
        assert (found.ranked, found.more, len(found.hits)) == (RANKED, False, RANKED)


def test_the_best_of_the_latest_comes_first() -> None:
    said = [("muse", f"tea with many other words {n}") for n in range(RANKED + 50)]
    said[-400] = ("muse", "tea tea tea")
    with kept(said) as db:
        first, second, *_ = numbers(find(db, "tea"))
    assert (first, second) == (len(said) - 400, len(said) - 1)


def test_what_others_said_takes_no_place() -> None:
    with kept([*[("bard", "tea time")] * 3, *[("muse", "tea time")] * (RANKED + 9)]) as db:
        found = find(db, "tea ti", "bard")
        assert (numbers(found), found.more) == ([2, 1, 0], False)
        assert not find(db, "tea", "nobody").hits


def test_a_conversation_that_changes_hands_is_found_with_its_new_agent() -> None:
    with kept([("muse", "tea"), ("muse", "书 tea"), ("bard", "tea")]) as db:
        db.execute("UPDATE sessions SET agent = 'bard' WHERE id = 'muse'")
        assert not find(db, "tea", "muse").hits
        assert sorted(numbers(find(db, "tea", "bard"))) == [0, 1, 2]
        db.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        db.execute("DELETE FROM turns")
        db.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        assert not find(db, "tea").hits


def test_nobody_writes_himself_into_anothers_conversation() -> None:
    with kept([("bard", f"tea {AGENT}{b'muse'.hex()}"), ("muse", "tea")]) as db:
        assert numbers(find(db, "tea", "muse")) == [1]
        assert not find(db, f"{AGENT}{b'bard'.hex()}").hits


def test_a_beginning_of_very_many_words_finds_each() -> None:
    for count in (ENDINGS, ENDINGS + 1):
        with kept([("muse", f"the beginning{n}") for n in range(count)]) as db:
            for words in ("beginn", "the beginning"):
                assert sorted(numbers(find(db, words, limit=RANKED))) == list(range(count))


def test_long_messages_are_ranked_while_there_is_room() -> None:
    long = "tea " * (CHARACTERS // 8)
    with kept([("muse", "tea"), *[("muse", long)] * 6]) as db:
        found = find(db, "tea", limit=1)
        assert (found.ranked, found.more) == (3, True)
        assert sorted(numbers(find(db, "tea"))) == list(range(7))


def test_a_question_has_an_end() -> None:
    with kept([("muse", "tea " * MOST_WORDS)]) as db:
        assert numbers(find(db, "tea " * MOST_WORDS)) == [0]
        with pytest.raises(InvalidInput, match="at most"):
            find(db, "tea " * (MOST_WORDS + 1))


def test_a_search_leaves_nothing_in_the_file() -> None:
    with kept([("muse", "tea")]) as db:
        find(db, "tea")
        assert not db.in_transaction
        names = db.execute("SELECT name FROM main.sqlite_schema").fetchall()
        assert not [name for (name,) in names if "said_now" in name or "weighed" in name]
