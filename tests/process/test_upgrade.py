"""Conversations from before programs could talk are there afterwards."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from p42.runtimes.clock import SystemClock
from p42.stores.sessions.file import NAME, SessionFile
from p42.stores.sessions.sessions import SqliteSessions
from p42.stores.sessions.tables import STEPS


async def test_an_older_sessions_db_gets_its_column_and_keeps_its_rows(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / NAME) as db:
        for statement in STEPS[0]:
            db.execute(statement)
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO sessions (id, agent, created, last) VALUES ('a', 'muse', 1, 2)")
    db.close()
    file = SessionFile(tmp_path)
    sessions = SqliteSessions(file, SystemClock())
    found = await sessions.get("a")
    assert found is not None
    assert (found.agent, found.vendor) == ("muse", "")
    changed = await sessions.change("a", vendor="v-1")
    assert changed is not None
    assert changed.vendor == "v-1"
    file.close()
