"""SqliteRegistry: what is registered (agents, accounts, integrations, project CIs)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Collection
from typing import Any

from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.stores.state.database import Database
from p42.stores.state.rows import dumps, sealed, unsealed

_LOAD = "SELECT kind, name, digest, facts, seal FROM registry"
_PUT = "INSERT OR REPLACE INTO registry (kind, name, digest, facts, seal) VALUES (?, ?, ?, ?, ?)"
_DROP = "DELETE FROM registry WHERE kind = ? AND name = ?"


class SqliteRegistry:
    """The Registry port: durable, read from memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = dict(database.load(_LOAD, _read))
        self._followers: list[_Follower] = []
        database.keep(self._restore)

    def get(self, ref: Ref) -> Registration | None:
        """The row, from memory."""
        return self._rows.get(ref)

    def refs(self) -> tuple[Ref, ...]:
        """Everything that is registered, sorted."""
        return tuple(sorted(self._rows))

    async def put(self, ref: Ref, registration: Registration) -> None:
        """Write the row and return when it is on disk."""
        row = _row(ref, registration)

        def then() -> None:
            self._rows[ref] = registration

        await self._database.write(lambda db: db.execute(_PUT, row), then=then)
        self._tell(ref)

    async def drop(self, ref: Ref) -> None:
        """Delete the row and return when that is on disk. Nothing there: no effect."""

        def then() -> None:
            self._rows.pop(ref, None)

        await self._database.write(lambda db: db.execute(_DROP, ref), then=then)
        self._tell(ref)

    def follow(self) -> AsyncIterator[Collection[Ref]]:
        """Refs whose row was written or dropped, from this call on, until closed."""
        follower = _Follower()
        self._followers.append(follower)
        return self._told(follower)

    def _tell(self, ref: Ref) -> None:
        for follower in self._followers:
            follower.refs[ref] = None
            follower.some.set()

    async def _told(self, follower: _Follower) -> AsyncIterator[Collection[Ref]]:
        try:
            while True:
                await follower.some.wait()
                follower.some.clear()
                refs, follower.refs = follower.refs, {}
                yield refs
        finally:
            self._followers.remove(follower)

    def _restore(self, db: sqlite3.Connection) -> None:
        found = list(self._rows.items())
        db.execute("DELETE FROM registry")
        db.executemany(_PUT, [_row(ref, registration) for ref, registration in found])


class _Follower:
    """The refs that one who follows has not taken yet: each once, so that they bound it."""

    def __init__(self) -> None:
        self.refs: dict[Ref, None] = {}
        self.some = asyncio.Event()


def _row(ref: Ref, registration: Registration) -> tuple[Any, ...]:
    return sealed(*ref, registration.digest, dumps(dict(registration.facts)))


def _read(row: tuple[Any, ...]) -> tuple[Ref, Registration]:
    kind, name, digest, facts = unsealed(row)
    return Ref(kind, name), Registration(digest, json.loads(facts))
