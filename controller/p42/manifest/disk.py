"""Disk: one file read whole, or the knowledge that somebody is writing it.

A half-written save is not read. Guarantees: bytes come back only if nobody held the file open for
writing while it was read (a read lease succeeded), or, where there are no leases (not Linux, not
our file, a network file system), if it had not changed for 30 ms; and if size, time and inode are
equal before and after, and the path still leads to the same file. Below its root no link is
followed: whoever swaps a directory or a file for one meanwhile sends us nowhere.

A lease holds a writer back until it is released, so it is held for the read alone. When a writer
comes meanwhile the kernel sends a signal, by default SIGIO, which kills; SIGURG is asked for
instead, whose default is to do nothing. fcntl(2), "Leases".
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH116, PTH120
from __future__ import annotations

import errno
import os
import signal
import stat
import time
from typing import Any, Literal, NamedTuple

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows, where `validate` works and the daemon does not
    fcntl = None

STABLE = 0.03  # s; editors that truncate and write are done within a few ms
RACY = 50_000_000  # ns; coarser than any file clock in use: such a file may change unseen

# Not to be stopped by a FIFO, nor given a terminal; Windows has other flags.
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0)
    for name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY", "O_NOFOLLOW")
)
# O_PATH asks for no more than the right to pass; without it one to list is needed as well.
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | sum(
    getattr(os, name, 0) for name in ("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW")
)

Signature = tuple[int, int, int, int]  # inode, size, mtime and ctime in ns

_WORDS = {
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ELOOP: "its symbolic links go round in a circle",
    errno.EISDIR: "it is a directory",
    errno.EMFILE: "too many open files; raise `ulimit -n`",
    errno.ENFILE: "too many open files on this machine",
    errno.EIO: "the disk reports an input/output error",
    errno.ENAMETOOLONG: "its name is too long",
}


class Reading(NamedTuple):
    """`large`: over the limit; `data` is its beginning. `why` is for a person, when unreadable.

    `fresh`: changed so lately that the signature may not tell the next change.
    """

    state: Literal["read", "missing", "unreadable", "busy", "large"]
    data: bytes = b""
    signature: Signature | None = None
    why: str = ""
    fresh: bool = False


def signature_of(found: os.stat_result) -> Signature:
    """What differs when a file was written, replaced or given other permissions."""
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def signature_at(path: str) -> Signature | None:
    """The signature of what `path` leads to; None if nothing can be told."""
    try:
        return signature_of(os.stat(path))
    except (OSError, ValueError):
        return None


def why(error: OSError) -> str:
    """`error` in words for a person."""
    return _WORDS.get(error.errno or 0, error.strerror or str(error)).lower()


def read(path: str, *, limit: int, leased: bool = True, root: str = "") -> Reading:
    """The file at `path` (real). Without `leased` as it is now: for who looks only once.

    `root`: a directory above it; "" = its own.
    """
    try:
        descriptor = _opened(path, root or os.path.dirname(path))
    except OSError as error:
        if error.errno == errno.EAGAIN:  # a writer holds a lease on it, our own for a moment
            return Reading("busy")
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
        return Reading("missing" if gone else "unreadable", why=why(error))
    except ValueError:
        return Reading("unreadable", why="its name is no file name")
    try:
        return _read(descriptor, path, limit, leased=leased)
    except OSError as error:
        return Reading("unreadable", why=why(error))
    finally:
        os.close(descriptor)


def _opened(path: str, root: str) -> int:
    """A descriptor of `path`, reached from `root` name by name (openat(2) with O_NOFOLLOW)."""
    *between, name = path[len(root) :].strip("/").split("/")
    if not between or os.open not in os.supports_dir_fd:
        return os.open(path, _FLAGS)
    at = os.open(root, _PASS)
    try:
        for each in between:
            below = os.open(each, _PASS, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name, _FLAGS, dir_fd=at)
    finally:
        os.close(at)


def _read(descriptor: int, path: str, limit: int, *, leased: bool) -> Reading:
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        is_dir = stat.S_ISDIR(before.st_mode)
        return Reading("unreadable", why="it is a directory" if is_dir else "it is no plain file")
    lease = _lease(descriptor) if leased else "none"
    if lease == "refused":
        return Reading("busy")
    try:
        if lease == "unsupported":
            _wait_until_stable(before)
        data = _all(descriptor, min(before.st_size, limit) + 1)
        broken = lease == "held" and fcntl.fcntl(descriptor, fcntl.F_GETLEASE) != fcntl.F_RDLCK
        after = os.fstat(descriptor)
    finally:
        if lease == "held":
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    signature = signature_of(after)
    if leased and (broken or signature[:3] != signature_of(before)[:3] or _moved(path, after)):
        return Reading("busy")
    fresh = time.time_ns() - max(after.st_mtime_ns, after.st_ctime_ns) < RACY
    return Reading("large" if len(data) > limit else "read", data, signature, fresh=fresh)


def _all(descriptor: int, count: int) -> bytes:
    parts = []
    while count > 0 and (part := os.read(descriptor, count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _lease(descriptor: int) -> Literal["held", "refused", "unsupported"]:
    if not hasattr(fcntl, "F_SETLEASE"):
        return "unsupported"
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return "refused" if error.errno in (errno.EAGAIN, errno.EBUSY) else "unsupported"
    return "held"


def _wait_until_stable(found: os.stat_result) -> None:
    age = time.time() - found.st_mtime
    if 0 <= age < STABLE:  # a time in the future says nothing, and must not hold us up
        time.sleep(STABLE - age)


def _moved(path: str, found: os.stat_result) -> bool:
    try:
        now = os.lstat(path)
    except OSError:
        return True
    return (now.st_dev, now.st_ino) != (found.st_dev, found.st_ino)
