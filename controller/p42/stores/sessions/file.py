"""SessionFile: sessions.db of one home: its own file, its own thread, so that talk never waits for
the loop's state nor holds it up; and another to look something up, so that talk waits for none.

What is told done is on disk (`synchronous=FULL`, WAL). A file that is damaged is set aside as
`sessions.db.corrupt-N` and made anew; who holds a mirror may fill it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from p42.model.errors import P42Error, Retry
from p42.model.faults import fault
from p42.stores.sessions.tables import migrate

T = TypeVar("T")
NAME = "sessions.db"
MAGIC = b"SQLite format 3\0"


class SessionFile:
    """`do` runs a function with the connection, in a transaction, in the file's own thread.

    `look` runs one with another connection, in another thread.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / NAME
        self.aside: Path | None = None  # where a damaged one went at this start
        self.fresh = False  # whether there was none
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=NAME)
        self._connection: sqlite3.Connection | None = None
        self._opened = 0  # times
        self._looking = ThreadPoolExecutor(1, thread_name_prefix=f"{NAME}-look")
        self._eye: sqlite3.Connection | None = None  # from here on: of that thread alone
        self._eye_opened = 0  # the value of `_opened` whose file it sees
        self._suspect = False  # SQLite said that it is damaged: to be checked at the next opening

    async def do(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """`change` whole or not at all. Retry and Blocked for the disk, InvalidInput: it is newer.

        Cancelled, it may still be done.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._do, change)

    async def look(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """`read` with what is on disk, which it does not change. Errors as of `do`.

        Its connection is in no transaction, and is to be in none afterwards. Temporary tables last
        until the file is opened anew.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._looking, self._look, read)

    def close(self) -> None:
        """Finish what was asked for. Blocking."""
        self._looking.submit(self._close_eye).result()  # it may still need the other thread
        self._looking.shutdown()
        self._thread.submit(self._shut).result()
        self._thread.shutdown()

    def _do(self, change: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = change(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error
        return result

    def _look(self, read: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return read(self._open_eye())
        except sqlite3.DatabaseError as error:
            raise self._thread.submit(self._translated, error).result() from error

    def _open_eye(self) -> sqlite3.Connection:
        if self._connection is None or not self.path.exists():
            self._thread.submit(self._do, lambda _: None).result()  # made, mended, brought up
        if self._eye is None or self._eye_opened != self._opened:
            self._close_eye()
            self._eye_opened = self._opened  # before: one opened meanwhile is opened once more
            there = f"{self.path.absolute().as_uri()}?mode=rw"  # and none made in its place
            self._eye = sqlite3.connect(there, uri=True, isolation_level=None,
                                        check_same_thread=False)  # fmt: skip
            self._eye.execute("PRAGMA temp_store = MEMORY")
        return self._eye

    def _close_eye(self) -> None:
        if self._eye is not None:
            self._eye.close()
            self._eye = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            if self.path.exists():
                return self._connection
            self._shut()  # deleted under us: made anew
        self.fresh = not self.path.exists()
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise fault(error, str(self.path)) from error
        try:
            _must_be_sqlite(self.path)
            self._connection = _connected(self.path, check=self._suspect)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self.aside = _set_aside(self.path)
            self.fresh = True
            self._connection = _connected(self.path)
        self._suspect = False
        self._opened += 1
        return self._connection

    def _shut(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _translated(self, error: sqlite3.DatabaseError) -> P42Error:
        if isinstance(error, sqlite3.OperationalError):
            return Retry(f"{self.path}: {error}")
        self._shut()
        self._suspect = True
        return Retry(f"{self.path} is damaged ({error}); it is looked at again")


def _must_be_sqlite(path: Path) -> None:
    """DatabaseError for another file. Before SQLite opens it, which would delete its -wal."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) not in (b"", MAGIC):
            raise sqlite3.DatabaseError("file is not a database")


def _connected(path: Path, *, check: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if check and connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("quick_check found damage")
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_aside(path: Path) -> Path:
    """Move a damaged file, and what belongs to it, out of the way."""
    target = next(
        each for n in itertools.count(1)
        if not (each := path.with_name(f"{path.name}.corrupt-{n}")).exists()
    )  # fmt: skip
    path.rename(target)
    with contextlib.suppress(FileNotFoundError):  # what was said last may stand there alone
        path.with_name(f"{path.name}-wal").rename(target.with_name(f"{target.name}-wal"))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)  # an index that is made again
    return target
