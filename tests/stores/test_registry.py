"""The registry: durable rows, read from memory."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.stores.ledger import SqliteLedger
from p42.stores.registry import SqliteRegistry
from p42.stores.state.database import Database
from tests.stores.contract import entry

MUSE = Ref("Agent", "muse")
ROW = Registration("abc", {"model": "opus", "n": [1, None], "🐬": {"a": 0.8}})


async def test_a_registration_is_there_at_once_and_after_a_restart(home: Path) -> None:
    with Database.open(home) as database:
        registry = SqliteRegistry(database)
        assert registry.get(MUSE) is None
        await registry.put(MUSE, ROW)
        assert registry.get(MUSE) == ROW
    with Database.open(home) as database:
        assert SqliteRegistry(database).get(MUSE) == ROW
        assert SqliteRegistry(database).refs() == (MUSE,)


async def test_a_second_registration_replaces_the_first(database: Database) -> None:
    registry = SqliteRegistry(database)
    await registry.put(MUSE, ROW)
    await registry.put(MUSE, Registration("def", {}))
    assert registry.get(MUSE) == Registration("def", {})


async def test_what_was_dropped_is_gone_and_dropping_twice_is_nothing(home: Path) -> None:
    with Database.open(home) as database:
        registry = SqliteRegistry(database)
        await registry.put(MUSE, ROW)
        await registry.drop(MUSE)
        await registry.drop(MUSE)
        assert registry.get(MUSE) is None
    with Database.open(home) as database:
        assert SqliteRegistry(database).get(MUSE) is None


async def test_who_follows_hears_of_each_row_once_it_is_there(database: Database) -> None:
    registry, main = SqliteRegistry(database), Ref("Account", "main")
    await registry.put(MUSE, ROW)
    following: Any = registry.follow()
    async with aclosing(following) as changes, asyncio.timeout(5):
        for facts in ({}, {"models": ["b"]}):
            await registry.put(main, Registration("a", facts))
        await registry.drop(MUSE)
        assert set(await anext(changes)) == {main, MUSE}
        await registry.put(MUSE, ROW)
        assert set(await anext(changes)) == {MUSE}
        assert registry.get(MUSE) == ROW


async def test_damage_in_one_table_leaves_what_others_hold(home: Path) -> None:
    with Database.open(home) as database:
        await SqliteLedger(database).record(entry())
        await SqliteRegistry(database).put(MUSE, ROW)
        await database.write(lambda db: db.execute("UPDATE registry SET digest = 'x'"))
    with Database.open(home) as database:
        ledger, registry = SqliteLedger(database), SqliteRegistry(database)
        assert registry.get(MUSE) is None
        assert database.aside is not None
        assert ledger.lost is False
    with Database.open(home) as database:
        assert SqliteLedger(database).entries() == (entry(),)
