"""The writer: many callers to a transaction, each with its own fate."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable

import pytest

from p42.model.errors import Retry
from p42.stores.state.database import Database


def put(name: str) -> Callable[[sqlite3.Connection], object]:
    return lambda db: db.execute("INSERT INTO sources VALUES (?, 1, '')", (name,))


async def test_callers_that_come_together_share_a_transaction(database: Database) -> None:
    transactions: list[str] = []
    database.connection().set_trace_callback(
        lambda sql: transactions.append(sql) if sql == "COMMIT" else None
    )
    async with asyncio.TaskGroup() as group:
        for number in range(1000):
            group.create_task(database.write(put(f"/{number}")))
    assert len(database.rows("SELECT * FROM sources")) == 1000
    assert len(transactions) < 200


async def test_a_change_that_fails_takes_back_itself_alone(database: Database) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO sources VALUES ('/half', 1, '')")
        raise KeyError("a bug of this change")

    fates = await asyncio.gather(
        database.write(put("/a")),
        database.write(half),
        database.write(put("/a")),
        database.write(put("/b")),
        return_exceptions=True,
    )
    assert [type(fate).__name__ for fate in fates] == [
        "Cursor", "KeyError", "IntegrityError", "Cursor",
    ]  # fmt: skip
    assert database.rows("SELECT path FROM sources") == [("/a",), ("/b",)]


async def test_the_result_of_a_change_is_given_back(database: Database) -> None:
    assert await database.write(lambda db: db.execute("SELECT 42").fetchone()[0]) == 42


async def test_memory_changes_after_the_commit_and_before_the_caller_knows(
    database: Database,
) -> None:
    seen: list[object] = []

    def then() -> None:
        seen.append(database._opened.connection.in_transaction)  # type: ignore[union-attr]

    await database.write(put("/a"), then=then)
    assert seen == [False]


async def test_memory_does_not_change_when_the_change_failed(database: Database) -> None:
    seen: list[object] = []
    with contextlib.suppress(sqlite3.Error):
        await database.write(lambda db: db.execute("NONSENSE"), then=lambda: seen.append(1))
    assert seen == []


async def test_what_must_last_is_synced_and_words_for_people_are_not(database: Database) -> None:
    def level(db: sqlite3.Connection) -> int:
        return int(db.execute("PRAGMA synchronous").fetchone()[0])

    assert await database.write(level) == 2
    assert await database.write(level, durable=False) == 1
    assert await database.write(level) == 2


async def test_a_full_disk_is_a_retry_and_ends_without_a_restart(database: Database) -> None:
    connection = database.connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Retry, match="the disk is full; free some space"):
        await database.write(put("/" + "x" * 100_000))
    connection.execute("PRAGMA max_page_count = 1000000")
    await database.write(put("/" + "x" * 100_000))
    assert len(database.rows("SELECT * FROM sources")) == 1


async def test_a_caller_that_is_cancelled_disturbs_nobody(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(database.write(put(f"/{n}"))) for n in range(50)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
    found = {path for (path,) in database.rows("SELECT path FROM sources")}
    assert {f"/{number}" for number in range(1, 50, 2)} <= found


async def test_what_is_queued_is_written_before_the_close(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(database.write(put(f"/{number}")))
        await asyncio.sleep(0)
        database.close()
    with Database.open(database.home) as again:
        assert len(again.rows("SELECT * FROM sources")) == 50
