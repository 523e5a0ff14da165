"""Writer: the one thread that writes state.db, many callers to a transaction.

Guarantees
- A change is told done after its commit is on disk (`synchronous=FULL`), or, if all changes of a
  transaction are not durable, after it is in the write-ahead log.
- A change that raises rolls back itself alone, by its savepoint; its caller gets the error.
- A fault of the disk fails the whole transaction: every caller gets the same Retry or Blocked. The
  next transaction starts afresh, so recovery needs no restart.
- `then` of a change runs in this thread after the commit and before the caller is told: that is
  where stores change their memory, so memory never lacks what was told to be done.
- A file that was deleted, replaced or damaged while we run is noticed at the next write, made anew
  and filled from the stores' memory (`restore`).

Assumption: single dict operations are atomic (the GIL), so stores need no lock of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from p42.model.errors import P42Error
from p42.stores.caught import Caught
from p42.stores.state.disk import is_damage, is_fault

Change = Callable[[sqlite3.Connection], Any]
BATCH = 512  # changes in a transaction; beyond 100 the cost per change no longer falls


@dataclass(slots=True)
class Item:
    """One change on its way: what to do, what to do after the commit, whom to tell."""

    change: Change
    then: Callable[[], None] | None
    durable: bool
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        """Answer the caller, in its loop. A caller that was cancelled is no longer there."""
        if self.answer.done():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)


class Store(Protocol):
    """The file as the writer needs it."""

    def connection(self) -> sqlite3.Connection:
        """A connection to the file that is there now. Raises Retry or Blocked."""

    def renew(self) -> object:
        """Give up the file: it is damaged. The next `connection` makes a new one."""

    def error(self, error: sqlite3.Error) -> P42Error:
        """`error` for people."""


@dataclass(slots=True)
class Writer:
    """The queue and its thread. `lock` is held while the connection is in use."""

    store: Store
    lock: threading.Lock = field(default_factory=threading.Lock)
    _queue: queue.SimpleQueue[Item | None] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None
    _level: tuple[sqlite3.Connection, str] | None = None  # of the last transaction

    def start(self) -> None:
        """Start the thread. It is a daemon thread: a forgotten `stop` must not hang the exit."""
        self._thread = threading.Thread(target=self._run, name="state.db writer", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Queue a change. Never blocks; the caller bounds the queue."""
        self._queue.put(item)

    def stop(self) -> None:
        """Commit what is queued and end the thread. Blocking."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        open_ended = True
        while open_ended:
            batch, open_ended = self._take()
            if not batch:
                continue
            with Caught() as caught, self.lock:
                self._commit(batch)
            if caught.error is not None:
                for item in batch:
                    item.error = caught.error
            _tell(batch)

    def _take(self) -> tuple[list[Item], bool]:
        """The next changes, at least one, and whether more can come."""
        batch: list[Item] = []
        entry = self._queue.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) == BATCH:
                return batch, True
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: Sequence[Item]) -> None:
        try:
            self._attempt(batch)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self.store.error(error) from error
            self.store.renew()
            self._again(batch)
        for item in batch:
            if item.error is None and item.then is not None:
                item.then()

    def _again(self, batch: Sequence[Item]) -> None:
        try:
            self._attempt(batch)
        except sqlite3.Error as error:
            raise self.store.error(error) from error

    def _attempt(self, batch: Sequence[Item]) -> None:
        connection = self.store.connection()
        level = "FULL" if any(item.durable for item in batch) else "NORMAL"
        if self._level is None or self._level[0] is not connection or self._level[1] != level:
            connection.execute(f"PRAGMA synchronous = {level}")  # compiled anew each time: 20 us
            self._level = connection, level
        with transaction(connection):
            for item in batch:
                item.result, item.error = _apply(connection, item.change)


def _apply(connection: sqlite3.Connection, change: Change) -> tuple[Any, Exception | None]:
    connection.execute("SAVEPOINT change")
    result = None
    with Caught() as caught:
        result = change(connection)
    if caught.error is None:
        connection.execute("RELEASE change")
        return result, None
    if isinstance(caught.error, sqlite3.Error) and is_fault(caught.error):
        raise caught.error
    connection.execute("ROLLBACK TO change")
    connection.execute("RELEASE change")
    return None, caught.error


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """`with transaction(connection):` commits at its end, or rolls back what is left to roll back.

    SQLite has already rolled back by itself after some faults (https://sqlite.org/lang_transaction).
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _tell(batch: Sequence[Item]) -> None:
    """One wake-up of each loop for all its callers."""
    for loop in {item.loop for item in batch}:
        mine = [item for item in batch if item.loop is loop]
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_tell_all, mine)


def _tell_all(items: Sequence[Item]) -> None:
    for item in items:
        item.tell()
