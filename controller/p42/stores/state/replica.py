"""Replica: what a state.db holds, in memory; nothing in the home is made, changed or removed."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

from p42.model.errors import P42Error
from p42.model.faults import fault
from p42.stores.state import disk
from p42.stores.state.disk import Opened
from p42.stores.state.schema import migrate, version_of


def copied(path: Path) -> Opened:
    """The database at `path`, at our version, in memory. Damaged: empty, with `aside` the path.

    InvalidInput for a newer one; Retry or Blocked for what the disk refuses.
    """
    memory = _memory()
    try:
        with tempfile.TemporaryDirectory(prefix="p42-") as directory:
            _fill(memory, path, Path(directory) / path.name)
        fresh = version_of(memory) == 0
        migrate(memory)
        return Opened(memory, (0, 0), fresh=fresh)
    except sqlite3.Error as error:
        memory.close()
        if not disk.is_damage(error):
            raise disk.translate(error, path) from error
    except OSError as error:
        memory.close()
        raise fault(error, str(path)) from error
    except P42Error:
        memory.close()
        raise
    return empty()._replace(aside=path)


def empty() -> Opened:
    """Nothing, in memory, at our version."""
    memory = _memory()
    migrate(memory)
    return Opened(memory, (0, 0))


def _fill(memory: sqlite3.Connection, path: Path, spare: Path) -> None:
    """By way of a copy: to open the original, even to read, makes files beside it."""
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(f"{path}{suffix}", f"{spare}{suffix}")
    if spare.exists() and disk.is_damaged(spare):
        raise _damage()
    if spare.exists():
        with contextlib.closing(disk.connect(spare)) as source:
            disk.refuse_newer(path, version_of(source))
            source.backup(memory)


def _damage() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("damaged")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
