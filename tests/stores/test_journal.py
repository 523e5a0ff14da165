"""The journal: counted, bounded, followed, written only when something happened."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from p42.model.errors import Retry
from p42.model.refs import Ref
from p42.stores.journal import BEHIND, OVERALL, PER_REF, SqliteJournal
from p42.stores.state.database import Database
from tests.stores.timepiece import Timepiece

A, B = Ref("Command", "a"), Ref("Agent", "b")


@pytest.fixture
def clock() -> Timepiece:
    return Timepiece()


@pytest.fixture
def journal(database: Database, clock: Timepiece) -> SqliteJournal:
    return SqliteJournal(database, clock=clock)


def told(journal: SqliteJournal, ref: Ref | None = None) -> list[tuple[str, int]]:
    return [(event.message, event.count) for event in journal.recent(ref)]


def test_equal_events_in_a_row_are_one_with_a_count(
    journal: SqliteJournal, clock: Timepiece
) -> None:
    for message in ("x", "x", "y", "x"):
        journal.note(A, "Healed", message)
        clock.at += 1
    assert told(journal) == [("x", 2), ("y", 1), ("x", 1)]
    assert (journal.recent()[0].first, journal.recent()[0].last) == (1000, 1001)


def test_a_row_is_a_row_of_one_ref(journal: SqliteJournal) -> None:
    for ref in (A, B, A, None, A):
        journal.note(ref, "Healed", "x")
    assert told(journal, A) == [("x", 3)]
    assert [event.ref for event in journal.recent()] == [B, None, A]


def test_recent_gives_the_last_ones_oldest_first(journal: SqliteJournal) -> None:
    for number in range(9):
        journal.note(A, "Healed", str(number))
    assert [event.message for event in journal.recent(limit=2)] == ["7", "8"]
    assert [event.message for event in journal.recent(A, limit=2)] == ["7", "8"]
    assert journal.recent(B) == ()
    assert journal.recent(limit=0) == ()


def test_one_ref_cannot_push_out_the_others(journal: SqliteJournal) -> None:
    journal.note(B, "Healed", "once")
    for number in range(PER_REF * 3):
        journal.note(A, "Healed", str(number))
    assert told(journal, B) == [("once", 1)]
    assert len(journal.recent(limit=OVERALL)) == PER_REF + 1


def test_all_refs_together_are_bounded(journal: SqliteJournal) -> None:
    for number in range(OVERALL + 7):
        journal.note(Ref("Command", f"c{number}"), "Healed", "x")
    kept = journal.recent(limit=OVERALL * 2)
    assert len(kept) == OVERALL
    assert kept[0].ref == Ref("Command", "c7")


def test_an_endless_message_is_cut_and_odd_bytes_are_escaped(journal: SqliteJournal) -> None:
    journal.note(A, "Healed", "\udcff" + "x" * 5000)
    assert len(journal.recent()[0].message) < 1100
    journal.recent()[0].message.encode()


async def test_events_are_there_after_a_restart_and_go_on_counting(
    home: Path, clock: Timepiece
) -> None:
    with Database.open(home) as database:
        journal = SqliteJournal(database, clock=clock)
        journal.note(A, "Healed", "x", warning=True)
        await journal.flush()
        journal.note(None, "Started", "p42 started")
        clock.at += 1
        journal.note(A, "Healed", "x", warning=True)
        await journal.flush()
        before = journal.recent()
    with Database.open(home) as database:
        journal = SqliteJournal(database, clock=clock)
        assert journal.recent() == before
        journal.note(A, "Healed", "x", warning=True)
        assert journal.recent(A)[0].count == 3


async def test_what_fell_out_of_memory_falls_out_of_the_file(
    database: Database, journal: SqliteJournal
) -> None:
    for number in range(PER_REF + 5):
        journal.note(A, "Healed", str(number))
        await journal.flush()
    assert database.rows("SELECT count(*), min(id) FROM events") == [(PER_REF, 6)]


async def test_nothing_is_written_while_nothing_happens(
    database: Database, journal: SqliteJournal, clock: Timepiece
) -> None:
    statements: list[str] = []
    async with asyncio.TaskGroup() as group:
        task = group.create_task(journal.run())
        journal.note(A, "Healed", "x")
        async with asyncio.timeout(10):
            while not clock.naps:
                await asyncio.sleep(0.001)
        database.connection().set_trace_callback(statements.append)
        for _ in range(100):
            await asyncio.sleep(0)
        assert statements == []
        assert clock.naps == [0.25], "it waits for an event, not for time"
        task.cancel()
    assert database.rows("SELECT message FROM events") == [("x",)]


async def test_a_disk_that_refuses_loses_no_event(
    database: Database, journal: SqliteJournal, clock: Timepiece
) -> None:
    connection = database.connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(PER_REF):
        journal.note(A, "Healed", str(number) * 900)
    with pytest.raises(Retry):
        await journal.flush()
    async with asyncio.TaskGroup() as group:
        journal.note(B, "Healed", "x")
        task = group.create_task(journal.run())
        async with asyncio.timeout(10):
            while 5.0 not in clock.naps:
                await asyncio.sleep(0.001)
            connection.execute("PRAGMA max_page_count = 1000000")
            while 0.25 not in clock.naps:
                await asyncio.sleep(0.001)
        task.cancel()
    assert database.rows("SELECT count(*) FROM events") == [(PER_REF + 1,)]


async def test_a_follower_gets_what_comes_and_of_its_ref_alone(journal: SqliteJournal) -> None:
    journal.note(A, "Healed", "before")
    async with aclosing(journal.follow(A)) as events, asyncio.timeout(10):
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        journal.note(B, "Healed", "of another")
        journal.note(A, "Healed", "x")
        journal.note(A, "Healed", "x")
        assert [(await first).count, (await anext(events)).count] == [1, 2]
    journal.note(A, "Healed", "after")
    assert journal._followers == []


async def test_a_follower_that_lags_loses_its_oldest(journal: SqliteJournal) -> None:
    async with aclosing(journal.follow()) as events, asyncio.timeout(10):
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        for number in range(BEHIND + 10):
            journal.note(A, "Healed", str(number))
        assert (await first).message == "10"


def test_an_event_as_json_has_utc_times_and_no_more_than_it_says(
    journal: SqliteJournal,
) -> None:
    journal.note(A, "Healed", "x", warning=True)
    assert journal.recent()[0].as_json() == {
        "kind": "Command", "name": "a", "type": "Warning", "reason": "Healed", "message": "x",
        "count": 1, "first": "1970-01-01T00:16:40.000Z", "last": "1970-01-01T00:16:40.000Z",
    }  # fmt: skip
