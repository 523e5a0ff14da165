"""SqliteApprovals: what a machine made, and what a person agreed to. Durable, read from memory.

Guarantees
- What a machine made is known as such before `mark` returns, and after a kill -9.
- An approval is on disk before anybody sees it, so what was let through stays let through.
- When the database is lost, agreement is lost with it, distrust is not: the names that have to be
  asked about stand a second time in `state.marks` beside it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from p42.model.approval import PERSON, UNKNOWN, Approval, Grant, Pin, Why
from p42.model.errors import P42Error
from p42.model.plan import Instant
from p42.model.ports import Clock
from p42.model.refs import Ref
from p42.stores.marks import Marks
from p42.stores.state.database import Database
from p42.stores.state.rows import clean, dumps, sealed, unsealed

MOST = 32  # grants of one ref: versions to go back to; one that fell off is only asked about again
_LOAD = "SELECT kind, name, body, seal FROM approvals"
_PUT = "INSERT OR REPLACE INTO approvals (kind, name, body, seal) VALUES (?, ?, ?, ?)"
_DROP = "DELETE FROM approvals WHERE kind = ? AND name = ?"
_LOAD_PINS = "SELECT path, owner, seal FROM pins"
_PIN = "INSERT OR REPLACE INTO pins (path, owner, seal) VALUES (?, ?, ?)"
_UNPIN = "DELETE FROM pins WHERE path = ? AND owner = ?"

Change = Callable[[Approval], Approval]


class SqliteApprovals:
    """The Approvals port. Use from the event loop alone."""

    def __init__(
        self, database: Database, *, clock: Clock, changed: Callable[[Ref], None] = lambda _: None
    ) -> None:
        """`changed` hears, in the loop, of every ref that may pass now or may no longer."""
        self._database, self._clock, self._changed = database, clock, changed
        self._marks = Marks(database.home, on_disk=database.on_disk)
        self._rows: dict[Ref, Approval] = dict(database.load(_LOAD, _read))
        self._pins: set[tuple[str, str]] = set(database.load(_LOAD_PINS, _read_pin))
        if database.aside is not None or database.fresh:
            self._distrust(self._marks.read())
        # As it will be when all that is queued is written: what a change is a change of.
        self._ahead = dict(self._rows)
        database.keep(self._restore)

    def get(self, ref: Ref) -> Approval:
        """All that is known of `ref`."""
        return self._rows.get(ref, UNKNOWN)

    def approved(self, ref: Ref, digest: str) -> bool:
        """Whether anybody agreed to this digest."""
        return any(grant.digest == digest for grant in self.get(ref).grants)

    def machine_made(self, ref: Ref) -> bool:
        """Whether what `ref` executes came through the forge or a tool call."""
        return self.get(ref).machine

    async def approve(self, ref: Ref, digest: str, *, by: str) -> None:
        """Agree to it; on disk when this returns."""
        grant = Grant(digest, clean(by), self._clock.now())

        def agree(old: Approval) -> Approval:
            others = (each for each in old.grants if each.digest != digest)
            grants = (*others, grant)[-MOST:]
            return replace(old, grants=grants, released=digest if by == PERSON else old.released)

        await self._change({ref: agree})

    async def mark(self, ref: Ref, *, auto: bool = False) -> None:
        """A machine makes what it executes."""
        await self._change({ref: lambda old: replace(old, machine=True, auto=auto)})

    async def release(self, digests: Mapping[Ref, str]) -> None:
        """A person applied these."""
        await self._change({ref: _releasing(digest) for ref, digest in digests.items()})

    async def hold(self, ref: Ref, why: Why, *, by: str = "") -> None:
        """A change of it waits."""
        if self.get(ref).held != why:
            name = clean(by)
            await self._change({ref: lambda old: replace(old, held=why, by=name)}, tell=False)

    async def settle(self, ref: Ref) -> None:
        """What it executes was let through."""
        known = self.get(ref)
        if known.held or known.released is not None:
            await self._change({ref: _settled}, tell=False)

    async def withdraw(self, ref: Ref) -> None:
        """It was taken down: nobody agrees any more to what a machine makes by that name."""
        await self._change({ref: _withdrawn}, tell=False)

    async def forget(self, ref: Ref) -> None:
        """Drop all that is known of it."""
        if ref not in self._rows and ref not in self._ahead:
            return

        def then() -> None:
            self._rows.pop(ref, None)

        self._ahead.pop(ref, None)
        marked = self._marked()

        def erase(db: sqlite3.Connection) -> None:
            db.execute(_DROP, ref)
            self._marks.write(marked)

        await self._database.write(erase, then=then)
        self._changed(ref)

    def pinned(self) -> tuple[str, ...]:
        """Paths in which every change is held for now."""
        return tuple(sorted({path for path, _ in self._pins}))

    def pinned_by(self) -> tuple[Pin, ...]:
        """The same, each with on whose account."""
        return tuple(Pin(*each) for each in sorted(self._pins))

    async def pin(self, path: str, by: str) -> None:
        """Hold every change below `path`."""
        row = (json.dumps(path), clean(by))
        self._pins.add((path, row[1]))  # at once: it only holds
        await self._database.write(lambda db: db.execute(_PIN, sealed(*row)))

    async def unpin(self, path: str, by: str) -> None:
        """No more on account of `by`."""
        pin = (path, clean(by))
        if pin in self._pins:
            row = (json.dumps(path), pin[1])

            def then() -> None:
                self._pins.discard(pin)

            await self._database.write(lambda db: db.execute(_UNPIN, row), then=then)

    async def _change(self, changes: Mapping[Ref, Change], *, tell: bool = True) -> None:
        """Write the rows as `changes` make them, in one transaction, then show them."""
        new = {ref: change(self._ahead.get(ref, UNKNOWN)) for ref, change in changes.items()}
        new = {ref: row for ref, row in new.items() if self._ahead.get(ref, UNKNOWN) != row}
        if not new:
            return
        self._ahead.update(new)
        marked = self._marked()

        def write(db: sqlite3.Connection) -> None:
            self._marks.write(marked)
            db.executemany(_PUT, [_row(ref, row) for ref, row in new.items()])

        try:
            await self._database.write(write, then=lambda: self._rows.update(new))
        except P42Error:  # not when cancelled: what is queued may still be written
            for ref, row in new.items():
                if self._ahead.get(ref) is row:
                    self._ahead[ref] = self._rows.get(ref, UNKNOWN)
            raise
        for ref in new if tell else ():
            self._changed(ref)

    def _marked(self) -> list[Ref]:
        return sorted(ref for ref, row in self._ahead.items() if row.machine or row.held)

    def _distrust(self, refs: Iterable[Ref]) -> None:
        """The database is new: of these names nobody knows any more what was agreed to."""
        lost = {ref: Approval(machine=True) for ref in refs if ref not in self._rows}
        self._rows.update(lost)
        if lost:
            self._database.at_start(self._restore)

    def _restore(self, db: sqlite3.Connection) -> None:
        """Called in the writer's thread; copies are taken in one step each."""
        found, pins = list(self._rows.items()), list(self._pins)
        db.execute("DELETE FROM approvals")
        db.execute("DELETE FROM pins")
        db.executemany(_PUT, [_row(ref, row) for ref, row in found])
        db.executemany(_PIN, [sealed(json.dumps(path), by) for path, by in pins])


def _releasing(digest: str) -> Change:
    return lambda old: replace(old, released=digest)


def _settled(old: Approval) -> Approval:
    return replace(old, held="", released=None, by="")


def _withdrawn(old: Approval) -> Approval:
    return replace(old, grants=(), released=None) if old.machine else old


def _row(ref: Ref, row: Approval) -> tuple[Any, ...]:
    return sealed(*ref, dumps(asdict(row)))


def _read(row: tuple[Any, ...]) -> tuple[Ref, Approval]:
    kind, name, text = unsealed(row)
    body = json.loads(text)
    grants = tuple(Grant(g["digest"], g["by"], Instant(g["at"])) for g in body["grants"])
    return Ref(kind, name), Approval(
        body["machine"],
        body["auto"],
        body["held"],
        body["released"],
        grants,
        body.get("by", ""),  # of a p42 that did not say
    )


def _read_pin(row: tuple[Any, ...]) -> tuple[str, str]:
    path, by = unsealed(row)
    return str(json.loads(path)), str(by)
