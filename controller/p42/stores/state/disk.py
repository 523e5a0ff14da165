"""Disk: state.db as a file: opened, checked, upgraded, or set aside when it is no database.

    nothing there         made
    older                 copied to state.db.before-<version>, then upgraded
    newer                 refused and left as it is: an older p42 would misread it
    damaged, or not ours  moved to state.db.corrupt-<n> with its -wal and -shm, made anew

SQLite opens a file with a damaged inner page and even counts its rows; only `quick_check` finds it
(https://www.sqlite.org/howtocorrupt.html), so that runs at every open.
"""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from pathlib import Path
from typing import NamedTuple

from p42.model.errors import Blocked, InvalidInput, P42Error, Retry
from p42.model.faults import fault
from p42.stores.state.schema import APPLICATION_ID, VERSION, migrate, version_of

NAME = "state.db"
BUSY = 2.0  # s; another program's transaction on our file is a person with a shell: be patient once
_HEADER = 100  # bytes; https://www.sqlite.org/fileformat2.html#the_database_header
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_TIME_MENDS = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space, it is tried again by itself",
    sqlite3.SQLITE_IOERR: "the disk reports an error; look at the disk, it is tried again",
    sqlite3.SQLITE_BUSY: "another program holds it; close that, it is tried again by itself",
    sqlite3.SQLITE_LOCKED: "another program holds it; close that, it is tried again by itself",
    sqlite3.SQLITE_NOMEM: "out of memory; end some programs, it is tried again by itself",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; look at its directory and `ulimit -n`",
}


class Opened(NamedTuple):
    """A connection in autocommit mode, and which file it is on. `aside` = what was set aside."""

    connection: sqlite3.Connection
    inode: tuple[int, int]
    aside: Path | None = None
    fresh: bool = False


def open_file(path: Path) -> Opened:
    """The database at `path`, at our version. Blocking.

    InvalidInput for a newer one; Retry and Blocked for what the disk refuses.
    """
    aside = None
    if is_damaged(path):
        aside = set_aside(path)
    try:
        return _open(path)._replace(aside=aside)
    except sqlite3.Error as error:
        if primary(error) in _DAMAGED and aside is None:  # seen only once its -wal was read
            aside = set_aside(path)
            return _open(path)._replace(aside=aside)
        raise translate(error, path) from error


def _open(path: Path) -> Opened:
    connection = connect(path)
    try:
        found = version_of(connection)
        refuse_newer(path, found)
        if 0 < found < VERSION:
            copy_to(connection, path.with_name(f"{path.name}.before-{VERSION}"))
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection)
        return Opened(connection, inode_of(path) or (0, 0), fresh=found == 0)
    except (sqlite3.Error, P42Error):
        connection.close()
        raise


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode that any one thread may use; the file is 0600."""
    try:
        path.touch(mode=0o600)
        if stat.S_IMODE(path.stat().st_mode) != 0o600:
            path.chmod(0o600)  # read-only it would open well, and refuse every write
    except OSError as error:
        raise fault(error, str(path)) from error
    connection = sqlite3.connect(
        path, timeout=BUSY, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def is_damaged(path: Path) -> bool:
    """Whether what is at `path` is no whole database of ours. Refuses a newer one first."""
    try:
        with path.open("rb") as stream:
            header = stream.read(_HEADER)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise fault(error, str(path)) from error
    if not header:
        return False
    if not header.startswith(b"SQLite format 3\0"):
        return True
    if int.from_bytes(header[68:72], "big") == APPLICATION_ID:
        # Read from the bytes: to open it would already run recovery on a file that is not for us.
        refuse_newer(path, int.from_bytes(header[60:64], "big"))
    return not _is_sound(path)


def _is_sound(path: Path) -> bool:
    with contextlib.closing(connect(path)) as connection:
        try:
            rows = connection.execute("PRAGMA quick_check(1)").fetchall()
            ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        except UnicodeDecodeError:  # sqlite3 quotes a damaged schema in its error, byte by byte
            return False
        except sqlite3.DatabaseError as error:
            if primary(error) in _DAMAGED:
                return False
            raise translate(error, path) from error
        return rows == [("ok",)] and (ours or not tables)


def refuse_newer(path: Path, found: int) -> None:
    """InvalidInput if `found` is above our version."""
    if found > VERSION:
        raise InvalidInput(
            f"{path}: made by a newer p42 (its version {found}, this one reads up to {VERSION}); "
            f"upgrade p42, or go back with {path}.before-{found} if it is there"
        )


def set_aside(path: Path) -> Path:
    """Move the file and its -wal and -shm to the first free `.corrupt-<n>`."""
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    try:
        for suffix in ("-wal", "-shm", ""):  # the file last: until then the move can be repeated
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise fault(error, str(path)) from error
    return aside


def copy_to(connection: sqlite3.Connection, copy: Path) -> None:
    """A whole copy at `copy`, in place of an older one, by way of a temporary name."""
    unfinished = copy.with_name(copy.name + ".part")
    unfinished.unlink(missing_ok=True)
    with contextlib.closing(connect(unfinished)) as target:
        connection.backup(target)
    unfinished.replace(copy)


def inode_of(path: Path) -> tuple[int, int] | None:
    """Which file is at `path`; None = none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def primary(error: sqlite3.Error) -> int:
    """The primary result code: the low byte of the extended one. 0 = not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself turned out to be damaged."""
    return primary(error) in _DAMAGED


def is_fault(error: sqlite3.Error) -> bool:
    """Whether the disk, not the statement, is to blame: then the whole transaction fails."""
    return is_damage(error) or primary(error) in _TIME_MENDS


def translate(error: sqlite3.Error, path: Path) -> P42Error:
    """`error` as Retry or Blocked, with the file and what to do."""
    code = primary(error)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return Blocked(f"{path}: not writable; give your user access to it and its directory")
    if code in _TIME_MENDS:
        return Retry(f"{path}: {_TIME_MENDS[code]}")
    return Retry(f"{path}: {error}; it is tried again by itself")
