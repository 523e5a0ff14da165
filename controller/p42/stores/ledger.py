"""SqliteLedger: the ledger and the followed sources, on disk and by heart.

The sources stand a second time in `state.sources` beside the database: a list of paths is all it
takes to make the rest anew from manifests and reality when the database is lost.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from p42.model.faults import fault
from p42.model.ledger import Entry
from p42.model.refs import Ref
from p42.stores.state import rows
from p42.stores.state.database import Database

SOURCES = "state.sources"
PRIVATE = 0o600
_PUT = "INSERT OR REPLACE INTO ledger (kind, name, body, seal) VALUES (?, ?, ?, ?)"
_ERASE = "DELETE FROM ledger WHERE kind = ? AND name = ?"
_FOLLOW = """INSERT OR IGNORE INTO sources (path, seal, position)
    VALUES (?, ?, (SELECT coalesce(max(position), 0) + 1 FROM sources))"""
_FORGET = "DELETE FROM sources WHERE path = ?"


class SqliteLedger:
    """The Ledger port. `entries` and `sources` never touch the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mirror = database.home / SOURCES
        entries = database.load("SELECT kind, name, body, seal FROM ledger", _entry)
        self._entries = {entry.ref: entry for entry in entries}
        found = database.load("SELECT path, seal FROM sources ORDER BY position", _source)
        self._sources = dict.fromkeys(found)
        self._lost = self._recover()
        database.keep(self._restore)

    def entries(self) -> tuple[Entry, ...]:
        """All entries, sorted by ref."""
        return tuple(sorted(self._entries.values(), key=lambda entry: entry.ref))

    async def record(self, entry: Entry) -> None:
        """Insert or replace."""
        row = _row(entry)

        def then() -> None:
            self._entries[entry.ref] = entry

        await self._database.write(lambda db: db.execute(_PUT, row), then=then)

    async def erase(self, ref: Ref) -> None:
        """Remove. Nothing there: no effect."""

        def then() -> None:
            self._entries.pop(ref, None)

        await self._database.write(lambda db: db.execute(_ERASE, ref), then=then)

    def sources(self) -> tuple[str, ...]:
        """Followed sources, absolute paths, in the order they were first applied."""
        return tuple(self._sources)

    async def follow(self, source: str) -> None:
        """Remember a source."""

        def change(db: sqlite3.Connection) -> None:
            self._write_mirror({**self._sources, source: None})
            db.execute(_FOLLOW, rows.sealed(json.dumps(source)))

        def then() -> None:
            self._sources.setdefault(source)

        await self._database.write(change, then=then)

    async def forget(self, source: str) -> None:
        """Forget a source."""

        def change(db: sqlite3.Connection) -> None:
            self._write_mirror(path for path in list(self._sources) if path != source)
            db.execute(_FORGET, (json.dumps(source),))

        def then() -> None:
            self._sources.pop(source, None)

        await self._database.write(change, then=then)

    @property
    def lost(self) -> bool:
        """Whether the database had to be rebuilt at this start: then nothing is deleted."""
        return self._lost

    def _recover(self) -> bool:
        remembered = self._read_mirror()
        if self._database.aside is None and not (self._database.fresh and remembered):
            return False
        # What was read before the damage was found has an unbroken seal, and is kept.
        self._sources = dict.fromkeys((*self._sources, *remembered))
        self._database.at_start(self._restore)
        return True

    def _restore(self, db: sqlite3.Connection) -> None:
        """Called in the writer's thread; copies are taken in one step each."""
        entries, sources = list(self._entries.values()), list(self._sources)
        db.execute("DELETE FROM ledger")
        db.execute("DELETE FROM sources")
        db.executemany(_PUT, [_row(entry) for entry in entries])
        db.executemany(_FOLLOW, [rows.sealed(json.dumps(path)) for path in sources])

    def _read_mirror(self) -> list[str]:
        try:
            found = json.loads(self._mirror.read_bytes())
        except (OSError, ValueError):
            return []  # never written, or damaged too: then the user applies again
        return [path for path in found if isinstance(path, str)] if isinstance(found, list) else []

    def _write_mirror(self, sources: Iterable[str]) -> None:
        """Before the commit: a source too many in it was given to `apply` all the same."""
        if self._database.on_disk:
            replace_file(self._mirror, json.dumps(list(sources), indent=1).encode() + b"\n")


def _row(entry: Entry) -> tuple[Any, ...]:
    return rows.sealed(*entry.ref, rows.entry_text(entry))


def _entry(row: tuple[Any, ...]) -> Entry:
    return rows.entry_from(rows.unsealed(row)[2])


def _source(row: tuple[Any, ...]) -> str:
    return str(json.loads(rows.unsealed(row)[0]))


def replace_file(path: Path, data: bytes) -> None:
    """Write `path` whole or not at all, for this user alone, on disk when it returns. Blocking."""
    unfinished = path.with_name(path.name + ".part")
    try:
        with unfinished.open("wb") as stream:
            os.fchmod(stream.fileno(), PRIVATE)  # whatever the umask, and what an old one was
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise fault(error, str(path)) from error
