"""Plain keys: in a variable of the daemon's environment, or in a file of the user's own."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from p42.model.errors import Blocked
from p42.model.faults import fault
from p42.stores.keys.reference import Missing

MAX_KEY = 64 * 1024  # bytes; more is no key


def from_env(env: Mapping[str, str], name: str) -> str:
    """Its value without blanks around it. Missing where it is not set, or empty."""
    found = env.get(name, "").strip()
    if not found:
        raise Missing(f"env:{name}: not set where p42 was started; set it, `p42 restart`")
    return found


def path_of(name: str) -> Path:
    """The path a file: reference names; ~ is the home of who runs p42."""
    return Path(name).expanduser()


def from_file(name: str) -> str:
    """The file's text without blanks around it. Missing where there is none.

    Blocked for a file that others may read, or that is no file; Retry for what passes.
    """
    path = path_of(name)
    try:
        # Not blocking: a pipe at that path would wait for its other end.
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise Missing(f"file:{path}: not there; write the key into it and `chmod 600` it") from None
    except OSError as error:
        raise fault(error, f"file:{path}") from error
    try:
        refuse_open(f"file:{path}", path, os.fstat(number))
        found = os.read(number, MAX_KEY + 1).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise Blocked(f"file:{path}: no text", reason="KeyMissing") from None
    except OSError as error:
        raise fault(error, f"file:{path}") from error
    finally:
        os.close(number)
    if not found:
        raise Missing(f"file:{path}: empty; write the key into it")
    return found


def refuse_open(place: str, path: Path, found: os.stat_result, most: int = MAX_KEY) -> None:
    """Blocked unless it is a plain file of at most `most` bytes that this user alone may read."""
    if not stat.S_ISREG(found.st_mode):
        raise Blocked(f"{place}: not a file", reason="KeyMissing")
    if found.st_size > most:
        raise Blocked(f"{place}: too large for a key", reason="KeyMissing")
    if found.st_mode & 0o077:
        raise Blocked(f"{place}: other users may read it; `chmod 600 {path}`", reason="KeyMissing")
