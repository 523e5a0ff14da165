"""state.db as a file: versions, damage, faults of the disk, and what is left of it at the end."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from p42.model.errors import Blocked, InvalidInput, P42Error, Retry
from p42.stores.ledger import SqliteLedger
from p42.stores.state import disk, schema
from p42.stores.state.database import Database
from tests.stores.contract import entry


def versions(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return schema.version_of(connection)


def test_home_and_database_are_for_their_user_alone(home: Path) -> None:
    home.mkdir(mode=0o755)
    with Database.open(home):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "state.db").stat().st_mode) == 0o600


async def test_after_a_clean_close_only_the_database_is_left(home: Path) -> None:
    with Database.open(home) as database:
        await SqliteLedger(database).record(entry())
    assert [path.name for path in home.iterdir()] == ["state.db"]


async def test_an_older_database_is_copied_then_upgraded(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database.open(home) as database:
        await SqliteLedger(database).record(entry())
    newer = (*schema.STEPS, ("CREATE TABLE later (a)",), ("CREATE TABLE latest (a)",))
    for module in (schema, disk):
        monkeypatch.setattr(module, "VERSION", len(newer))
    monkeypatch.setattr(schema, "STEPS", newer)
    with Database.open(home) as database:
        assert SqliteLedger(database).entries() == (entry(),)
        assert database.rows("SELECT * FROM latest") == []
    assert versions(home / "state.db") == len(newer)
    assert versions(home / f"state.db.before-{len(newer)}") == len(newer) - 2


async def test_a_step_that_fails_leaves_the_version_before_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database.open(home) as database:
        await SqliteLedger(database).record(entry())
    found = versions(home / "state.db")
    broken = (*schema.STEPS, ("CREATE TABLE later (a)", "CREATE TABLE later (a)"))
    for module in (schema, disk):
        monkeypatch.setattr(module, "VERSION", len(broken))
    monkeypatch.setattr(schema, "STEPS", broken)
    with pytest.raises(P42Error, match="already exists"):
        Database.open(home)
    assert versions(home / "state.db") == found


async def test_a_newer_database_is_refused_and_left_as_it_is(home: Path) -> None:
    with Database.open(home) as database:
        await SqliteLedger(database).record(entry())
    with closing(sqlite3.connect(home / "state.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    for path in home.glob("state.db-*"):
        path.unlink()
    before = (home / "state.db").read_bytes()
    with pytest.raises(InvalidInput, match=r"state.db: made by a newer p42 .*99.*upgrade p42"):
        Database.open(home)
    with pytest.raises(InvalidInput, match="newer"):
        Database.copy(home)
    assert (home / "state.db").read_bytes() == before
    assert [path.name for path in home.iterdir()] == ["state.db"]


async def big(home: Path) -> bytes:
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        for number in range(60):
            await ledger.record(entry(f"n{number}"))
    return (home / "state.db").read_bytes()


async def test_whatever_page_is_damaged_the_start_succeeds_and_no_row_is_false(
    home: Path,
) -> None:
    """A flipped byte may hit unused space; then all rows are there. Never some, never wrong.

    quick_check alone let bytes inside a value pass: hence the seals.
    """
    whole = tuple(sorted((entry(f"n{number}") for number in range(60)), key=lambda e: e.ref))
    sound = await big(home)
    page = int.from_bytes(sound[16:18], "big")
    chance = random.Random(42)
    lost = 0
    for start in range(0, len(sound), page):
        damaged = bytearray(sound)
        for _ in range(9):
            damaged[start + chance.randrange(page)] ^= 0xFF
        (home / "state.db").write_bytes(damaged)
        with Database.open(home) as database:
            ledger = SqliteLedger(database)
            assert ledger.entries() == (() if ledger.lost else whole)
            lost += ledger.lost
        for path in home.glob("state.db.corrupt-*"):
            path.unlink()
    assert lost > 4


@pytest.mark.parametrize("left", [1, 99, 4096, 10_000])
async def test_a_truncated_database_is_set_aside(home: Path, left: int) -> None:
    sound = await big(home)
    (home / "state.db").write_bytes(sound[:left])
    with Database.open(home) as database:
        assert database.aside == home / "state.db.corrupt-1"
    assert (home / "state.db.corrupt-1").read_bytes() == sound[:left]


async def test_each_damaged_database_is_kept_under_its_own_number(home: Path) -> None:
    home.mkdir()
    for number in (1, 2):
        (home / "state.db").write_bytes(b"x" * number)
        (home / "state.db-wal").write_bytes(b"old log")
        with Database.open(home) as database:
            assert database.aside == home / f"state.db.corrupt-{number}"
    assert (home / "state.db.corrupt-2").read_bytes() == b"xx"
    assert (home / "state.db.corrupt-2-wal").read_bytes() == b"old log"


async def test_another_programs_database_is_set_aside(home: Path) -> None:
    home.mkdir()
    with closing(sqlite3.connect(home / "state.db")) as other:
        other.execute("CREATE TABLE bookmarks (a)")
        other.commit()
    with Database.open(home) as database:
        assert database.aside is not None


async def test_damage_found_while_running_is_mended_from_memory(home: Path) -> None:
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        for number in range(60):
            await ledger.record(entry(f"n{number}"))
        database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        database.rows("PRAGMA shrink_memory")  # else pages are served from the cache
        size = (home / "state.db").stat().st_size
        with (home / "state.db").open("r+b") as stream:
            stream.write(os.urandom(size))
        await ledger.record(entry("after"))
        assert (home / "state.db.corrupt-1").exists()
    with Database.open(home) as database:
        assert len(SqliteLedger(database).entries()) == 61


async def test_a_database_held_by_another_program_is_a_retry_that_ends(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "BUSY", 0.05)
    with Database.open(home) as database, closing(sqlite3.connect(home / "state.db")) as other:
        ledger = SqliteLedger(database)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Retry, match=r"state\.db: another program holds it"):
            await ledger.record(entry())
        other.execute("ROLLBACK")
        await ledger.record(entry())
        assert ledger.entries() == (entry(),)


async def test_a_file_where_the_home_should_be_is_told(home: Path) -> None:
    home.write_text("")
    with pytest.raises(Blocked, match="a file is where the home should be"):
        Database.open(home)


async def test_a_directory_where_the_database_should_be_is_told(home: Path) -> None:
    (home / "state.db").mkdir(parents=True)
    with pytest.raises(Blocked, match=r"state\.db: a directory is where a file should be"):
        Database.open(home)


async def test_a_copy_reads_all_and_changes_nothing(home: Path) -> None:
    await big(home)
    before = {path: path.read_bytes() for path in home.iterdir()}
    with Database.copy(home) as database:
        ledger = SqliteLedger(database)
        assert len(ledger.entries()) == 60
        await ledger.follow("/only here")
        await ledger.record(entry("only-here"))
    assert {path: path.read_bytes() for path in home.iterdir()} == before


async def test_a_copy_of_no_home_makes_none(home: Path) -> None:
    with Database.copy(home) as database:
        assert SqliteLedger(database).entries() == ()
        assert SqliteLedger(database).lost is False
    assert not home.exists()


async def test_a_flipped_bit_in_the_names_of_tables_is_damage_and_no_bug(home: Path) -> None:
    """sqlite3 quotes the name in its error, and fails to decode that."""
    with Database.open(home) as database:
        await SqliteLedger(database).record(entry())
    data = bytearray((home / "state.db").read_bytes())
    data[data.index(b"CREATE TABLE ledger") + len("CREATE TABLE ")] ^= 0x80
    (home / "state.db").write_bytes(data)
    with Database.open(home) as database:
        assert database.aside is not None
