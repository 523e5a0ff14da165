"""SqliteWorks: long work in the background; its result is committed before anyone can see it.

    async with SqliteWorks(database, wake=engine.nudge, clock=clock) as works: ...

Guarantees
- Work of one id runs once at a time, and not again once its outcome is committed.
- A crash loses running work, never a committed outcome: `get` then says None, and it is started
  again.
- A disk that refuses the outcome is asked again, with back-off; the work itself is not repeated.
- Leaving the context cancels what runs; nothing is committed for it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple

from p42.model.errors import P42Error
from p42.model.plan import Outcome
from p42.model.ports import Clock, Work
from p42.model.refs import Ref
from p42.stores.caught import Caught
from p42.stores.state.database import Database
from p42.stores.state.rows import clean, sealed, unsealed

PARALLEL = 8  # works at once: each is a process or a call; more only fight for two to eight cores
KEPT = 16  # outcomes per ref; older ones belong to specs that are long gone
RETRY_FIRST, RETRY_MOST = 1.0, 30.0  # s between two tries to commit an outcome
_LOAD = "SELECT id, kind, name, position, ok, detail, result, seal FROM works"
_PUT = """INSERT OR REPLACE INTO works
    (id, kind, name, position, ok, detail, result, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_FORGET = "DELETE FROM works WHERE id = ?"
_log = logging.getLogger("p42.works")


class _Done(NamedTuple):
    ref: Ref
    position: int  # counts up: tells the older of two
    outcome: Outcome


class SqliteWorks:
    """The Works port. `wake(ref)` is called in the loop when work that `ref` wanted has ended."""

    def __init__(
        self,
        database: Database,
        *,
        wake: Callable[[Ref], None],
        clock: Clock,
        parallel: int = PARALLEL,
        redact: Callable[[str], str] = str,
    ) -> None:
        self._database = database
        self._wake = wake
        self._clock = clock
        self._redact = redact
        self._slots = asyncio.Semaphore(parallel)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wanted: dict[str, set[Ref]] = {}  # by whom, as long as it runs
        self._group: asyncio.TaskGroup | None = None
        self._done = dict(database.load(_LOAD, _read))
        self._position = max((done.position for done in self._done.values()), default=0)
        database.keep(self._restore)

    async def __aenter__(self) -> SqliteWorks:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None
        for task in self._running.values():
            task.cancel()
        if group is not None:
            await group.__aexit__(kind, error, trace)

    def get(self, work: str, *, tell: Ref | None = None) -> Work | None:
        """None = never started, or interrupted by a crash before its result was committed.

        While it runs, `tell` is put among those that are woken at its end.
        """
        if work in self._running:
            if tell is not None:
                self._wanted[work].add(tell)
            return Work(work, "running")
        done = self._done.get(work)
        return None if done is None else Work(work, "done", done.outcome)

    def start(self, ref: Ref, work: str, do: Callable[[], Awaitable[Outcome]]) -> None:
        """Start unless it runs or is done. At its end commits the outcome, then wakes `ref`.

        Work that `ref` shares with others, two prompts of one text say, wakes all who wanted it.
        """
        if work in self._running:
            self._wanted[work].add(ref)
            return
        if work in self._done:
            return
        if self._group is None:
            raise RuntimeError("work was started before `async with works` or after it")
        task = self._group.create_task(self._run(ref, work, do), name=f"work {work} of {ref}")
        self._running[work] = task
        self._wanted[work] = {ref}
        task.add_done_callback(lambda ended: self._ended(work, ended))

    async def forget(self, work: str) -> None:
        """Drop a committed outcome, so that the work may run again."""

        def then() -> None:
            self._done.pop(work, None)

        await self._database.write(lambda db: db.execute(_FORGET, (work,)), then=then)

    def _ended(self, work: str, task: asyncio.Task[None]) -> None:
        # Not in the task itself: one that is cancelled before its first step runs no line of it.
        self._running.pop(work, None)
        wanted = self._wanted.pop(work, set())
        if not task.cancelled():
            for ref in sorted(wanted):
                self._wake(ref)

    async def _run(self, ref: Ref, work: str, do: Callable[[], Awaitable[Outcome]]) -> None:
        async with self._slots:
            outcome = Outcome(work, ok=False)
            with Caught() as caught:
                outcome = await do()
        if caught.error is not None:
            outcome = Outcome(work, ok=False, detail=_told(caught.error, ref))
        await self._commit(ref, work, outcome)

    async def _commit(self, ref: Ref, work: str, outcome: Outcome) -> None:
        self._position += 1
        done = _Done(ref, self._position, replace(outcome, detail=self._redact(outcome.detail)))
        stale = self._stale(ref)

        def change(db: sqlite3.Connection) -> None:
            db.executemany(_FORGET, [(old,) for old in stale])
            db.execute(_PUT, _row(work, done))

        def then() -> None:
            for old in stale:
                self._done.pop(old, None)
            self._done[work] = done

        delay = RETRY_FIRST
        while not await self._written(change, then):
            await self._clock.sleep(delay)
            delay = min(delay * 2, RETRY_MOST)

    async def _written(
        self, change: Callable[[sqlite3.Connection], None], then: Callable[[], None]
    ) -> bool:
        try:
            await self._database.write(change, then=then)
        except P42Error as error:
            _log.warning("an outcome could not be written yet: %s", error)
            return False
        return True

    def _stale(self, ref: Ref) -> list[str]:
        mine = [(done.position, work) for work, done in list(self._done.items()) if done.ref == ref]
        return [work for _, work in sorted(mine)[: -(KEPT - 1)]]

    def _restore(self, db: sqlite3.Connection) -> None:
        found = list(self._done.items())
        db.execute("DELETE FROM works")
        db.executemany(_PUT, [_row(work, done) for work, done in found])


def _row(work: str, done: _Done) -> tuple[Any, ...]:
    outcome = done.outcome
    told = (int(outcome.ok), clean(outcome.detail), bytes(outcome.result))
    return sealed(work, *done.ref, done.position, *told)


def _read(row: tuple[Any, ...]) -> tuple[str, _Done]:
    work, kind, name, position, ok, detail, result = unsealed(row)
    return work, _Done(Ref(kind, name), position, Outcome(work, bool(ok), detail, result))


def _told(error: Exception, ref: Ref) -> str:
    """What the outcome says. A bug's traceback goes to the log, its name to the user."""
    if isinstance(error, P42Error):
        return str(error)
    _log.error("a bug in work of %s", ref, exc_info=error)
    return f"internal error ({type(error).__name__}); `p42 logs daemon` has the traceback"
