"""What was spent outlives its file: taken away while p42 runs, damaged while it does not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from p42.ai.meter.refusals import Repeated
from p42.model.errors import Blocked, Retry
from p42.stores.ledger import SqliteLedger
from p42.stores.meter import book as meterbook
from p42.stores.meter.audit import verified
from p42.stores.state.database import Database
from tests.meter.scene import Scene, hard, killed, limited, opened
from tests.stores.contract import entry

SPEC = hard(0.01)


def remove(home: Path) -> None:
    for path in home.glob("state.db*"):
        path.unlink()


async def test_a_database_taken_away_comes_back_with_all_of_it(home: Path) -> None:
    with opened(home) as scene:
        await scene.call(SPEC, 1_000, request="before")
        await scene.call(limited(requests=1), account="limited")
        under_way = await scene.reserve(SPEC, 2_000)
        remove(home)
        await scene.settle(under_way, 500)
        left = killed(home)
    with opened(left) as scene:
        assert scene.meter.spent("personal", SPEC).month == 1_500
        with pytest.raises(Repeated):
            await scene.reserve(SPEC, request="before")
        with pytest.raises(Retry):
            await scene.reserve(limited(requests=1), account="limited")
    assert (verified(left).calls, verified(left).what) == (3, "")


async def test_a_reservation_in_a_database_taken_away_still_counts_after_a_kill(
    home: Path,
) -> None:
    with opened(home) as scene:
        await scene.reserve(SPEC, 2_000)
        remove(home)
        await scene.call(SPEC, 1)
        left = killed(home)
    with opened(left) as scene:
        assert scene.meter.spent("personal", SPEC).settled == 2_001


async def test_what_is_too_old_to_be_known_by_heart_is_told_as_lost(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meterbook, "RECENT", 10)
    with opened(home) as scene:
        for _ in range(25):
            await scene.call(SPEC, 100)
        remove(home)
        await scene.call(SPEC, 100)
        assert scene.meter.spent("personal", SPEC).month == 2_600
    verdict = verified(home)
    assert (verdict.calls, verdict.lost, verdict.what) == (10, 16, "")
    with opened(home) as scene:
        assert scene.meter.spent("personal", SPEC).month == 2_600
        await scene.call(SPEC, 100)
    assert verified(home).calls == 11


async def test_behind_a_backup_that_was_put_back_the_journal_has_no_gap(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meterbook, "RECENT", 10)
    with opened(home) as scene:
        for number in range(30):
            await scene.call(SPEC, 100)
            if number == 24:
                backup = killed(home)
        remove(home)
        for path in backup.iterdir():
            path.rename(home / path.name)
        await scene.call(SPEC, 100)
        assert scene.meter.spent("personal", SPEC).month == 3_100
    verdict = verified(home)
    assert (verdict.calls, verdict.lost, verdict.what) == (31, 0, "")


def overwrite(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "state.db", isolation_level=None)) as db:
        db.execute(statement)


def tear(home: Path) -> None:
    """Its middle page is not what it was; so `quick_check` sets the file aside."""
    path = home / "state.db"
    data = bytearray(path.read_bytes())
    data[:100] = b"\xff" * 100
    path.write_bytes(data)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE spendings SET spent = 0",
        "DELETE FROM calls",
        "UPDATE chain SET number = 0",
        "UPDATE spendings SET spent = 'much'",
    ],
)
async def test_a_broken_row_opens_no_budget(home: Path, statement: str) -> None:
    with opened(home) as scene:
        for _ in range(9):
            await scene.call(SPEC, 1_000)
        await SqliteLedger(scene.database).record(entry())
    overwrite(home, statement)
    with opened(home) as scene:
        assert scene.meter.spent("personal", SPEC).month == 9_000
        with pytest.raises(Blocked):
            await scene.reserve(SPEC, 1_001)
        await scene.call(SPEC, 500)
    with opened(home) as scene:
        assert scene.meter.spent("personal", SPEC).month == 9_500


async def test_a_missing_end_of_the_chain_writes_over_no_call(home: Path) -> None:
    with opened(home) as scene:
        await scene.call(SPEC, 1_000)
        await scene.call(SPEC, 1_000)
    overwrite(home, "DELETE FROM chain")
    assert "end is missing" in verified(home).what
    with opened(home) as scene:
        await scene.call(SPEC, 1_000)
        assert scene.database.rows("SELECT count(*) FROM calls") == [(3,)]


async def test_a_reservation_is_salvaged_from_a_database_set_aside(home: Path) -> None:
    with opened(home) as scene:
        await scene.call(SPEC, 1_000, request="before")
        await scene.reserve(SPEC, 3_000)
        await scene.call(limited(requests=1), account="limited")
        left = killed(home)
    overwrite(left, "UPDATE spendings SET seal = ''")
    with opened(left) as scene:
        assert scene.database.aside is not None
        assert scene.meter.spent("personal", SPEC).settled == 4_000
        with pytest.raises(Repeated):
            await scene.reserve(SPEC, request="before")
        with pytest.raises(Retry):
            await scene.reserve(limited(requests=1), account="limited")
    assert verified(left).what == ""


async def test_nothing_to_salvage_is_no_reason_not_to_start(home: Path) -> None:
    with opened(home) as scene:
        await scene.call(SPEC, 1_000)
    tear(home)
    with opened(home) as scene:
        assert await scene.call(SPEC, 100) == 100


async def test_a_call_changed_in_the_journal_is_told_in_the_log(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(home) as scene:
        for _ in range(3):
            await scene.call(SPEC, 100)
    overwrite(home, "UPDATE calls SET agent = 'agent/other' WHERE number = 2")
    with opened(home):
        assert "call 2 of the journal was changed: see `p42 usage --verify`" in caplog.text


async def test_a_copy_for_questions_changes_nothing(home: Path) -> None:
    with opened(home) as scene:
        await scene.reserve(SPEC, 3_000)
        left = killed(home)
    before = {path.name: path.read_bytes() for path in left.iterdir()}
    with Database.copy(left) as database:
        assert meterbook.MeterBook(database).spent("personal", "2026-01") == 3_000
    assert {path.name: path.read_bytes() for path in left.iterdir()} == before


async def test_an_id_as_long_as_a_book_is_refused(scene: Scene) -> None:
    with pytest.raises(Exception, match="a request id has 1 to 200 characters"):
        await scene.reserve(SPEC, request="x" * 201)


async def test_names_that_are_no_text_of_unicode_are_kept_all_the_same(
    scene: Scene, home: Path
) -> None:
    await scene.call(SPEC, 100, request="r\udcff", account="\udcff")
    assert verified(home).what == ""


async def test_calls_at_once_share_their_writes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    posted = 0
    post: Callable[..., object] = scene.database.post

    def counted(*args: object, **further: object) -> object:
        nonlocal posted
        posted += 1
        return post(*args, **further)

    monkeypatch.setattr(scene.database, "post", counted)
    async with asyncio.TaskGroup() as group:
        for _ in range(500):
            group.create_task(scene.call(hard(1), 10))
    assert posted < 20
