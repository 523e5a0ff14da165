"""Database: state.db of one home, open. Reads once at start; every write goes through the writer.

    with Database.open(home) as database:
        ledger = SqliteLedger(database)

`Database.copy(home)` is the same in memory, for questions that must change nothing (`p42 diff`
without a daemon): it makes no home, no file, no -wal.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from p42.model.errors import P42Error
from p42.stores.homedir import make_home
from p42.stores.state import disk
from p42.stores.state.disk import Opened, inode_of, open_file
from p42.stores.state.replica import copied, empty
from p42.stores.state.writer import Item, Writer, transaction

T = TypeVar("T")
Restore = Callable[[sqlite3.Connection], None]
QUEUE = 4096  # callers that wait at once; more wait for their turn to wait


class Database:
    """One open state.db. Use from the event loop; only `write` awaits."""

    def __init__(self, home: Path, opened: Opened, *, on_disk: bool) -> None:
        self.home = home
        self.on_disk = on_disk  # False: a copy in memory, nothing is kept
        self._path = home / disk.NAME
        self._opened: Opened | None = opened
        self._aside = opened.aside
        self._fresh = opened.fresh
        self._restores: list[Restore] = []
        self._writer = Writer(self)
        self._room = asyncio.Semaphore(QUEUE)
        self._writer.start()

    @classmethod
    def open(cls, home: Path) -> Database:
        """Open, or make, `home`/state.db. Blocking, a few ms.

        InvalidInput for a newer database; Retry or Blocked for what the disk refuses.
        """
        make_home(home)
        return cls(home, open_file(home / disk.NAME), on_disk=True)

    @classmethod
    def copy(cls, home: Path) -> Database:
        """What `home`/state.db holds, in memory. A damaged one counts as empty and lost."""
        return cls(home, copied(home / disk.NAME), on_disk=False)

    @property
    def aside(self) -> Path | None:
        """Where a damaged database was set aside at this start; None = it was sound."""
        return self._aside

    @property
    def fresh(self) -> bool:
        """Whether there was nothing in it at this start."""
        return self._fresh

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of `query`."""
        with self._writer.lock:
            return self.connection().execute(query).fetchall()

    def load(self, query: str, read: Callable[[tuple[Any, ...]], T]) -> list[T]:
        """`read` of each row, for a store at its start; later it knows by heart. Blocking.

        A row that cannot be read, or is not what was written (ValueError), is damage: the file is
        set aside (`aside`), a new one gets what other stores hold, and the answer is empty.
        """
        try:
            return [read(row) for row in self.rows(query)]
        except sqlite3.Error as error:
            if disk.is_fault(error) and not disk.is_damage(error):
                raise self.error(error) from error
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        with self._writer.lock:
            self._aside = self.renew()
            self.connection()
        return []

    def at_start(self, change: Restore) -> None:
        """Run `change` in a transaction, at once. For stores at their start. Blocking."""
        with self._writer.lock:
            try:
                with transaction(self.connection()) as connection:
                    change(connection)
            except sqlite3.Error as error:
                raise self.error(error) from error

    def keep(self, restore: Restore) -> None:
        """`restore` fills its tables from memory when the file has to be made anew.

        It runs in the writer's thread, inside a transaction, on tables that may hold old rows.
        """
        self._restores.append(restore)

    async def write(
        self,
        change: Callable[[sqlite3.Connection], T],
        *,
        then: Callable[[], None] | None = None,
        durable: bool = True,
    ) -> T:
        """Run `change` in a transaction and return its result when that is on disk.

        `change` runs in the writer's thread and may run twice; it raises for its caller alone.
        `then` runs in that thread after the commit: the place to change memory. Raises Retry and
        Blocked for the disk. A cancelled call may still be written.
        """
        async with self._room:
            return await self.post(change, then=then, durable=durable)

    def post(
        self,
        change: Callable[[sqlite3.Connection], T],
        *,
        then: Callable[[], None] | None = None,
        durable: bool = True,
    ) -> asyncio.Future[T]:
        """As `write`, without waiting: for who has no more than one change under way at a time."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._writer.put(Item(change, then, durable, loop, answer))
        return answer

    def close(self) -> None:
        """Write what is queued, leave state.db alone on disk, no -wal. Blocking, a few ms."""
        self._writer.stop()
        with contextlib.suppress(P42Error, sqlite3.Error):  # the disk's fault; -wal then stays
            self.connection()  # a file deleted since the last write comes back
        self._drop()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def connection(self) -> sqlite3.Connection:
        """The connection, on the file that is there now; made anew from memory if it went away."""
        opened = self._opened
        if opened is not None and (not self.on_disk or inode_of(self._path) == opened.inode):
            return opened.connection
        self._drop()
        if self.on_disk:
            make_home(self.home)
        found = open_file(self._path) if self.on_disk else empty()
        self._opened = opened = self._restored(found)
        return opened.connection

    def renew(self) -> Path:
        """Give up a damaged file: set it aside, so that the next use makes a new one."""
        self._drop()
        return disk.set_aside(self._path) if self.on_disk else self._path

    def error(self, error: sqlite3.Error) -> P42Error:
        """`error` for people."""
        return disk.translate(error, self._path)

    def _restored(self, opened: Opened) -> Opened:
        try:
            with transaction(opened.connection) as connection:
                for restore in self._restores:
                    restore(connection)
        except sqlite3.Error as error:
            opened.connection.close()
            raise self.error(error) from error
        return opened

    def _drop(self) -> None:
        if self._opened is not None:
            with contextlib.suppress(sqlite3.Error):
                self._opened.connection.close()
            self._opened = None
