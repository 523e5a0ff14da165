"""SqliteForwards: which project's messages go to somebody else, by a person's word. Durable."""

from __future__ import annotations

import sqlite3
from typing import Any

from p42.model.refs import Ref
from p42.stores.state.database import Database
from p42.stores.state.rows import sealed, unsealed

_LOAD = "SELECT kind, name, target, seal FROM forwards"
_PUT = "INSERT OR REPLACE INTO forwards (kind, name, target, seal) VALUES (?, ?, ?, ?)"
_DROP = "DELETE FROM forwards WHERE kind = ? AND name = ?"


class SqliteForwards:
    """Read from memory. `target` "" says that the manifest's `forwardTo` does not count now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: dict[Ref, str] = dict(database.load(_LOAD, _read))
        database.keep(self._restore)

    def get(self, ref: Ref) -> str | None:
        """Where its messages go; None = as the manifest says."""
        return self._rows.get(ref)

    def all(self) -> dict[Ref, str]:
        """Every one that was set."""
        return dict(self._rows)

    async def put(self, ref: Ref, target: str) -> None:
        """Set it and return when it is on disk."""
        row = sealed(*ref, target)

        def then() -> None:
            self._rows[ref] = target

        await self._database.write(lambda db: db.execute(_PUT, row), then=then)

    async def drop(self, ref: Ref) -> None:
        """As the manifest says, from now on."""

        def then() -> None:
            self._rows.pop(ref, None)

        await self._database.write(lambda db: db.execute(_DROP, tuple(ref)), then=then)

    def _restore(self, db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM forwards")
        db.executemany(_PUT, [sealed(*ref, target) for ref, target in self._rows.items()])


def _read(row: tuple[Any, ...]) -> tuple[Ref, str]:
    kind, name, target = unsealed(row)
    return Ref(kind, name), target
