"""What a search costs does not grow with what matches, and nobody who speaks waits for one."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.search import RANKED
from p42.stores.sessions.sessions import SqliteSessions
from tests.talk.test_search import find, kept
from tests.talk.test_sessions import Noon


def steps(db: sqlite3.Connection, words: str, agent: str) -> int:
    """Of SQLite's machine, in one search."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    find(db, words, agent)  # the first makes its tables
    db.set_progress_handler(step, 1)
    find(db, words, agent)
    db.set_progress_handler(None, 1)
    return count


@pytest.mark.parametrize("words", ["tea", "t", "tea tim", "你", "evening", "none"])
@pytest.mark.parametrize("agent", ["", "muse", "bard"])
def test_a_search_among_many_costs_what_one_among_few_does(words: str, agent: str) -> None:
    costs = []
    for count in (2 * RANKED, 8 * RANKED):
        said = [("muse", "tea time evening 你") for _ in range(count)]
        with kept([("bard", "tea time evening 你"), *said]) as db:
            costs.append(steps(db, words, agent))
    assert costs[1] < 1.3 * costs[0] + 100


async def test_who_speaks_waits_for_no_search(tmp_path: Path) -> None:
    file, searching, enough = SessionFile(tmp_path), threading.Event(), threading.Event()
    sessions = SqliteSessions(file, Noon())

    def search(_: sqlite3.Connection) -> bool:
        searching.set()
        return enough.wait(10)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        slow = tasks.create_task(file.look(search))
        await asyncio.to_thread(searching.wait)
        await sessions.begin("a", "muse")
        await sessions.add("a", "user", "hello")
        assert not slow.done()
        enough.set()
    assert len(await sessions.search("hello")) == 1
    file.path.unlink()
    assert await sessions.search("hello") == []
    file.close()
