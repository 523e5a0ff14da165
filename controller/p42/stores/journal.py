"""SqliteJournal: what happened, for `p42 events`: bounded, counted, written in the background.

Guarantees
- `note` never blocks and never raises: it changes memory; `run` writes what changed, at most every
  quarter of a second, and nothing while nothing happens.
- Bounded: so many events for each ref and so many overall; the oldest go first.
- A disk that refuses is tried again; memory holds the events meanwhile. A power cut may lose the
  last moments: these are words for people, what p42 lives on is in the ledger.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from p42.model.errors import P42Error
from p42.model.ports import Clock
from p42.model.refs import Ref
from p42.stores.event import Event, event_from
from p42.stores.state.database import Database
from p42.stores.state.rows import clean

PER_REF = 50  # events kept of one ref
OVERALL = 5_000  # events kept: 100 refs with full rings, about 1 MB
MESSAGE = 1_000  # characters; longer ones are a log, not an event
FLUSH = 0.25  # s between two writes: many events of one apply share a transaction
RETRY = 5.0  # s after a refused write
BEHIND = 1_000  # events a follower may lag; then its oldest are dropped
_LOAD = """SELECT id, kind, name, reason, message, warning, count, first, last
    FROM events ORDER BY last, id"""
_PUT = """INSERT OR REPLACE INTO events
    (id, kind, name, reason, message, warning, count, first, last)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_DROP = "DELETE FROM events WHERE id = ?"


@dataclass(slots=True, eq=False)
class _Follower:
    ref: Ref | None
    fresh: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: deque[Event] = field(default_factory=lambda: deque(maxlen=BEHIND))


class SqliteJournal:
    """The Journal port, and what `p42 events` asks. Use from the event loop alone."""

    def __init__(
        self, database: Database, *, clock: Clock, redact: Callable[[str], str] = str
    ) -> None:
        self._database = database
        self._clock = clock
        self._redact = redact
        self._events: dict[int, Event] = {}  # in the order of their last occurrence
        self._rings: dict[Ref | None, deque[int]] = {}
        self._changed: set[int] = set()
        self._wanted = asyncio.Event()
        self._followers: list[_Follower] = []
        for event in database.load(_LOAD, event_from):
            self._add(event)
        self._next = max(self._events, default=0) + 1
        self._changed.clear()
        database.keep(self._restore)

    def note(self, ref: Ref | None, reason: str, message: str, *, warning: bool = False) -> None:
        """Note an event. Never blocks, never raises; no secret and no value may be in it."""
        now = self._clock.now()
        message = clean(self._redact(message)[:MESSAGE])  # cut last: half a secret is still one
        ring = self._rings.get(ref)
        latest = self._events[ring[-1]] if ring else None
        told = (reason, message, warning)
        if latest is not None and (latest.reason, latest.message, latest.warning) == told:
            event = replace(latest, count=latest.count + 1, last=now)
        else:
            event = Event(self._next, ref, *told, count=1, first=now, last=now)
            self._next += 1
        self._add(event)
        self._wanted.set()
        for follower in self._followers:
            if follower.ref in (None, ref):
                follower.waiting.append(event)
                follower.fresh.set()

    def recent(self, ref: Ref | None = None, limit: int = 100) -> tuple[Event, ...]:
        """The last `limit` events, oldest first; of `ref` alone, or of all."""
        if limit <= 0:
            return ()
        if ref is None:
            return tuple(self._events.values())[-limit:]
        return tuple(self._events[number] for number in self._rings.get(ref, ()))[-limit:]

    async def follow(self, ref: Ref | None = None) -> AsyncIterator[Event]:
        """Events as they are noted from now on; of `ref` alone, or of all. Ends when closed.

        An event that is counted on comes again with its new count.
        """
        follower = _Follower(ref)
        self._followers.append(follower)
        try:
            while True:
                while follower.waiting:
                    yield follower.waiting.popleft()
                follower.fresh.clear()
                await follower.fresh.wait()
        finally:
            self._followers.remove(follower)

    async def run(self) -> None:
        """Write what changes, until cancelled; then `flush` writes the rest."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.flush()
                await self._clock.sleep(FLUSH)
            except P42Error:
                self._wanted.set()
                await self._clock.sleep(RETRY)

    async def flush(self) -> None:
        """Write what changed since the last time. Raises Retry or Blocked; nothing is lost then."""
        numbers, self._changed = self._changed, set()
        rows = [self._events[number].row() for number in numbers if number in self._events]
        gone = [(number,) for number in numbers if number not in self._events]

        def change(db: sqlite3.Connection) -> None:
            db.executemany(_PUT, rows)
            db.executemany(_DROP, gone)

        try:
            if numbers:
                await self._database.write(change, durable=False)
        except BaseException:
            self._changed |= numbers
            raise

    def _add(self, event: Event) -> None:
        ring = self._rings.setdefault(event.ref, deque())
        if self._events.pop(event.id, None) is None:
            ring.append(event.id)
        self._events[event.id] = event
        self._changed.add(event.id)
        if len(ring) > PER_REF:
            self._forget(ring[0])
        if len(self._events) > OVERALL:
            self._forget(next(iter(self._events)))

    def _forget(self, number: int) -> None:
        event = self._events.pop(number)
        self._changed.add(number)
        ring = self._rings[event.ref]
        ring.remove(number)
        if not ring:
            del self._rings[event.ref]

    def _restore(self, db: sqlite3.Connection) -> None:
        found = list(self._events.values())
        db.execute("DELETE FROM events")
        db.executemany(_PUT, [event.row() for event in found])
