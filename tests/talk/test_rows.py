"""What stands in sessions.db is bounded where it comes in, and borne where it stands already.

A session in milliseconds once ended the daemon at each later message.
"""

from __future__ import annotations

import json
import logging
import math
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.model.errors import InvalidInput
from p42.model.plan import Instant
from p42.model.session import Session, Turn
from p42.stores.sessions.file import NAME, SessionFile
from p42.stores.sessions.memoryfiles import MemoryFiles
from p42.stores.sessions.memorymirror import MemoryMirror
from p42.stores.sessions.rows import LAST_MOMENT, moment
from p42.stores.sessions.sessions import SqliteSessions
from p42.stores.sessions.tables import STEPS
from tests.talk.test_sessions import Noon

GOOD = Session("a", "muse", Instant(1), Instant(2))
SAID = Turn(0, "user", "hello", Instant(1))
MILLISECONDS = 1_795_252_811_500.0


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[SqliteSessions]:
    file = SessionFile(tmp_path)
    yield SqliteSessions(file, Noon())
    file.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created", MILLISECONDS), ("last", 1e300), ("last", -1.0), ("created", math.nan),
        ("created", math.inf), ("last", LAST_MOMENT + 1), ("created", "1"), ("last", True),
        ("summarized", 1e30), ("summarized", 2), ("summarized", -1), ("agent", "x" * 201),
        ("agent", "a\nb"), ("title", "x" * 1001), ("id", "a\nb"),
    ],
)  # fmt: skip
async def test_what_cannot_be_kept_is_refused_with_its_name_and_value(
    sessions: SqliteSessions, field: str, value: Any
) -> None:
    with pytest.raises(InvalidInput, match=f"{field} is " if field != "id" else "session id"):
        await sessions.put(replace(GOOD, **{field: value}), [SAID])
    assert await sessions.list(archived=True) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", 1e18), ("at", -1), ("role", "system"), ("more", {"calls": [{"id": "x"}]}),
        ("more", {"calls": 5}), ("more", {"answers": []}),
    ],
)  # fmt: skip
async def test_a_message_that_cannot_be_kept_is_named(
    sessions: SqliteSessions, field: str, value: Any
) -> None:
    with pytest.raises(InvalidInput, match=rf"messages\.1\.{field} is "):
        await sessions.put(GOOD, [SAID, replace(SAID, **{field: value})])
    assert await sessions.get("a") is None


async def test_the_first_and_the_last_moment_are_kept(sessions: SqliteSessions) -> None:
    ends = replace(GOOD, created=Instant(0.0), last=Instant(LAST_MOMENT))
    assert await sessions.put(ends, [replace(SAID, at=Instant(LAST_MOMENT))])
    assert await sessions.get("a") == replace(ends, messages=1)


@given(st.floats(allow_nan=True) | st.integers(-(1 << 63), 1 << 63) | st.text() | st.binary())
def test_anything_that_stands_for_a_time_is_read_as_one(value: object) -> None:
    found = moment(value)
    assert 0 <= found <= LAST_MOMENT
    assert moment(found) == found


async def test_milliseconds_are_taken_for_what_they_are() -> None:
    assert moment(MILLISECONDS) == 1_795_252_811.5
    assert moment(1e300) == 0


def _older(home: Path) -> None:
    """A sessions.db from before anything was bounded."""
    with sqlite3.connect(home / NAME) as db:
        for statement in (*STEPS[0], *STEPS[1]):
            db.execute(statement)
        db.execute("PRAGMA user_version = 2")
        _odd(db)
    db.close()


def _odd(db: sqlite3.Connection) -> None:
    rows = [("ms", MILLISECONDS, MILLISECONDS, 0), ("never", 1.0, 1e300, 1e30), ("ok", 1, 2, 0)]
    query = (
        "INSERT INTO sessions (id, agent, created, last, summarized) VALUES (?, 'muse', ?, ?, ?)"
    )
    db.executemany(query, rows)
    query = "INSERT INTO turns (session, number, role, content, at, more) VALUES (?, 0, ?, ?, ?, ?)"
    more = json.dumps({"calls": [{"wrong": 1}]})
    db.executemany(
        query, [("ms", "user", "in ms", 1e18, more), ("never", "user", "in never", 1e300, "{")]
    )
    db.execute("UPDATE sessions SET messages = 1 WHERE id <> 'ok'")


@pytest.mark.parametrize("older", [True, False])
async def test_rows_that_are_odd_already_are_listed_mirrored_and_told_once(
    tmp_path: Path, older: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """By an older p42, or by a hand in the file of this one."""
    clock = Noon()
    clock.time = 1_795_252_900.0
    if older:
        _older(tmp_path)
    file = SessionFile(tmp_path)
    sessions = SqliteSessions(file, clock)
    if not older:
        await file.do(_odd)
    mirror = MemoryMirror(tmp_path, sessions, MemoryFiles(file), clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            found = {each.id: each for each in await sessions.list(archived=True)}
            for name in found:
                mirror.changed(name)
            await mirror.flush()
    assert (found["ms"].created, found["ms"].last) == (1_795_252_811.5, 1_795_252_811.5)
    assert (found["never"].last, found["never"].summarized) == (0, 0)
    assert [turn.at for turn in await sessions.turns("ms")] == [1e9]
    assert [dict(turn.more) for turn in await sessions.turns("ms")] == [{}]
    assert len(list((tmp_path / "memory" / "sessions").glob("*/*.json"))) == 3
    told = [each for each in caplog.messages if "shown as well as can be" in each]
    assert len(told) == len({each.partition(":")[0] for each in told}) == 2
    hits = await sessions.search("in")
    assert {hit.session for hit in hits} == {"ms", "never"}
    file.close()


async def test_a_later_message_in_a_mended_session_goes_on(tmp_path: Path) -> None:
    _older(tmp_path)
    file = SessionFile(tmp_path)
    clock = Noon()
    sessions = SqliteSessions(file, clock)
    await sessions.begin("never", "muse")
    await sessions.add("never", "user", "go on")
    found = await sessions.get("never")
    assert found is not None
    assert (found.last, found.messages) == (clock.now(), 2)
    file.close()
