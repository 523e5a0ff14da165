"""The ledger on real SQLite: the contract, and that it outlives everything it must outlive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from p42.model.ledger import Ledger
from p42.model.refs import Ref
from p42.stores.ledger import SOURCES, SqliteLedger
from p42.stores.state.database import Database
from tests.stores.contract import LedgerContract, entry


class TestSqliteLedger(LedgerContract):
    @pytest.fixture
    def ledger(self, database: Database) -> Ledger:
        return SqliteLedger(database)


async def fill(home: Path) -> None:
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        await ledger.record(entry("a"))
        await ledger.record(entry("b"))
        await ledger.erase(Ref("Command", "b"))
        for source in ("/z", "/y", "/odd \udcff name"):
            await ledger.follow(source)
        await ledger.forget("/y")


async def test_a_ledger_is_the_same_after_a_restart(home: Path) -> None:
    await fill(home)
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        assert ledger.entries() == (entry("a"),)
        assert ledger.sources() == ("/z", "/odd \udcff name")
        assert ledger.lost is False


async def test_a_damaged_database_keeps_the_sources_and_says_lost(home: Path) -> None:
    await fill(home)
    (home / "state.db").write_bytes(b"this is no database at all")
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        assert ledger.lost is True
        assert ledger.entries() == ()
        assert ledger.sources() == ("/z", "/odd \udcff name")
    with Database.open(home) as database:
        again = SqliteLedger(database)
        assert again.lost is False, "lost is of one start"
        assert again.sources() == ("/z", "/odd \udcff name")


@pytest.mark.parametrize("how", ["deleted", "emptied"])
async def test_a_database_that_vanished_between_two_runs_is_lost_not_new(
    home: Path, how: str
) -> None:
    await fill(home)
    (home / "state.db").unlink()
    if how == "emptied":
        (home / "state.db").touch()
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        assert ledger.lost is True
        assert ledger.sources() == ("/z", "/odd \udcff name")


async def test_a_damaged_list_of_sources_does_not_stop_the_start(home: Path) -> None:
    await fill(home)
    (home / SOURCES).write_bytes(b"\xff{")
    (home / "state.db").write_bytes(b"no")
    with Database.open(home) as database:
        assert SqliteLedger(database).sources() == ()


@pytest.mark.parametrize("how", ["deleted", "replaced", "home"])
async def test_a_database_deleted_while_running_is_made_anew_with_all_in_it(
    home: Path, how: str
) -> None:
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        await ledger.record(entry("a"))
        await ledger.follow("/src")
        if how == "home":
            home.rename(home.with_name("elsewhere"))
        else:
            for path in home.glob("state.db*"):
                path.unlink()
        if how == "replaced":
            (home / "state.db").write_bytes(b"another file")
        await ledger.record(entry("b"))
    with Database.open(home) as database:
        ledger = SqliteLedger(database)
        assert [found.ref.name for found in ledger.entries()] == ["a", "b"]
        assert ledger.sources() == ("/src",)
        assert ledger.lost is False


async def test_a_database_deleted_after_the_last_write_is_there_after_a_clean_stop(
    home: Path,
) -> None:
    with Database.open(home) as database:
        await SqliteLedger(database).record(entry("a"))
        for path in home.glob("state.db*"):
            path.unlink()
    with Database.open(home) as database:
        assert SqliteLedger(database).entries() == (entry("a"),)


_WRITER = """
import asyncio, sys
from pathlib import Path
from p42.stores.state.database import Database
from p42.stores.ledger import SqliteLedger
from tests.stores.contract import entry

async def one(ledger, name):
    await ledger.record(entry(name))
    print(name, flush=True)

async def main():
    ledger = SqliteLedger(Database.open(Path(sys.argv[1])))
    number = 0
    while True:
        async with asyncio.TaskGroup() as group:
            for _ in range(7):
                number += 1
                group.create_task(one(ledger, f"n{number}"))

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 40, 333])
async def test_kill_9_loses_no_row_that_was_acknowledged(home: Path, lines: int) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(home)],
        stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
    ) as child:  # fmt: skip
        assert child.stdout is not None
        told = {child.stdout.readline().strip() for _ in range(lines)}
        child.send_signal(signal.SIGKILL)
        told |= set(child.stdout.read().split("\n")[:-1])
    with Database.open(home) as database:
        assert database.aside is None
        assert told <= {found.ref.name for found in SqliteLedger(database).entries()}
