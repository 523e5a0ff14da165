"""A search finds words, and in scripts that have none, and among signs, any part of a text."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p42.stores.sessions.file import NAME, SessionFile
from p42.stores.sessions.sessions import SqliteSessions
from p42.stores.sessions.tables import STEPS
from p42.stores.sessions.words import SEPARATOR, joined, phrases, spaced
from tests.talk.test_sessions import Noon

TEXTS = (
    "你好世界", "こんにちは、世界！", "안녕하세요 여러분", "สวัสดีชาวโลก", "hello🐬world 👍🏽",
    "├──src/main.py ✅ done", "Größe 20° ≠ café", "𠀀𠀁 rare", "🥹🫨 new",
)  # fmt: skip


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[SqliteSessions]:
    file = SessionFile(tmp_path)
    made = SqliteSessions(file, Noon())
    await made.begin("a", "muse")
    for text in TEXTS:
        await made.add("a", "user", text)
    yield made
    file.close()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("世界", [0, 1]), ("好世", [0]), ("好界", []), ("界", [0, 1]), ("好 世", [0]),
        ("ちは", [1]), ("녕하", [2]), ("ชาว", [3]), ("🐬", [4]), ("👍", [4]), ("👍🏽", [4]),
        ("world", [4]),
        ("hello🐬", [4]), ("hello 🐬 wor", [4]), ("🐬hello", []), ("src", [5]), ("main ✅", [5]),
        ("CAFE", [6]), ("grosse", []), ("groß", [6]), ("20", [6]), ("𠀁", [7]), ("🥹", [8]),
        ("🫨", [8]), ("\x1f", []), ("", []), ("!?", []), ('"世', [0, 1]), ("世*", [0, 1]),
    ],
)  # fmt: skip
async def test_any_part_is_found(sessions: SqliteSessions, words: str, found: list[int]) -> None:
    assert sorted(hit.number for hit in await sessions.search(words)) == found


async def test_an_excerpt_is_as_it_was_written(sessions: SqliteSessions) -> None:
    (hit,) = await sessions.search("好世")
    assert hit.excerpt == "你\x02好世\x03界"
    (hit,) = await sessions.search("🐬")
    assert hit.excerpt == "hello\x02🐬\x03world 👍🏽"


async def test_deleted_is_deleted_from_the_index_too(sessions: SqliteSessions) -> None:
    await sessions.delete("a")
    assert await sessions.search("世界") == []
    assert await sessions.search("world") == []


async def test_what_an_older_p42_kept_is_found_too(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / NAME) as db:
        for statement in (*STEPS[0], *STEPS[1]):
            db.execute(statement)
        db.execute("PRAGMA user_version = 2")
        db.execute("INSERT INTO sessions (id, agent, created, last) VALUES ('a', 'muse', 1, 2)")
        for number, text in enumerate((*TEXTS, "plain old words")):
            query = "INSERT INTO turns (session, number, role, content, at) VALUES (?, ?, ?, ?, 1)"
            db.execute(query, ("a", number, "user", text))
    db.close()
    file = SessionFile(tmp_path)
    made = SqliteSessions(file, Noon())
    for words, found in (("世界", {0, 1}), ("🐬", {4}), ("old wor", {9}), ("src", {5})):
        assert {hit.number for hit in await made.search(words)} == found
    await made.delete("a")
    assert await made.search("old") == []
    await file.do(lambda db: db.execute("INSERT INTO words (words) VALUES ('integrity-check')"))
    file.close()


@given(st.text())
def test_spaced_text_is_the_text_with_separators(text: str) -> None:
    apart = spaced(text)
    assert joined(apart or text) == text.replace(SEPARATOR, "")
    assert apart == "" or len(apart) > len(text)


@settings(max_examples=50, deadline=None)
@given(text=st.text(st.sampled_from('世界你好🐬👍ไab ├─é°\x1f\u200d\ufe0f"'), max_size=12))
def test_any_question_is_one_that_can_be_asked(text: str) -> None:
    with sqlite3.connect(":memory:") as db:
        tokenizer = "unicode61 remove_diacritics 2 categories 'L* N* Co So Cn'"
        db.execute(f'CREATE VIRTUAL TABLE words USING fts5(content, tokenize="{tokenizer}")')
        db.execute("INSERT INTO words VALUES (?)", (spaced(text) or text,))
        if wanted := phrases(text):
            asked = " ".join(f'"{phrase}"' for phrase in wanted)
            found = db.execute("SELECT count(*) FROM words WHERE words MATCH ?", (f"{asked}*",))
            assert found.fetchone() == (1,)
    db.close()
