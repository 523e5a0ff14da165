"""Fault: an OSError as p42 tells it: what happened, where, what to do, and who can mend it.

The one table of errno for every adapter at the border; nothing below a port sees an OSError.
"""

from __future__ import annotations

import errno

from p42.model.errors import Blocked, P42Error, Retry

# Full disks and exhausted tables end without an edit, so a slow retry is enough and always right.
_RETRY: dict[int, str] = {
    errno.ENOSPC: "the disk is full; free some space, it is tried again by itself",
    errno.EDQUOT: "the disk quota is used up; free some space, it is tried again by itself",
    errno.EFBIG: "the file size limit is reached; raise `ulimit -f` or free some space",
    errno.EMFILE: "too many open files; raise `ulimit -n`, it is tried again by itself",
    errno.ENFILE: "too many open files on this machine; close some, it is tried again by itself",
    errno.EAGAIN: "too many processes; raise `ulimit -u`, it is tried again by itself",
    errno.ENOMEM: "out of memory; end some programs, it is tried again by itself",
    errno.EIO: "the disk reports an input/output error; look at the disk, it is tried again",
    errno.ETXTBSY: "the program is being written; it is tried again by itself",
    errno.EBUSY: "it is busy; it is tried again by itself",
    errno.EINTR: "interrupted; it is tried again by itself",
}
_BLOCKED: dict[int, tuple[str, str]] = {
    errno.EACCES: ("Blocked", "no permission; give your user access to it"),
    errno.EPERM: ("Blocked", "not permitted; give your user access to it"),
    errno.EROFS: ("Blocked", "the file system is read-only; mount it writable or move it"),
    errno.ELOOP: ("Conflict", "a symbolic link is in the way; replace it by a real directory"),
    errno.ENOTDIR: ("Conflict", "a file is where a directory should be; move it away"),
    errno.EISDIR: ("Conflict", "a directory is where a file should be; move it away"),
    errno.ENAMETOOLONG: ("Blocked", "the path is too long; choose a shorter one"),
    errno.ENOEXEC: ("Blocked", "not a program this machine can run; check its first line"),
    errno.E2BIG: ("Blocked", "the arguments are too long; shorten them"),
}


def fault(error: OSError, place: str) -> P42Error:
    """`error` at `place` (a path or a program) as Retry or Blocked. Raise it `from error`."""
    number = error.errno or 0
    if number in _RETRY:
        return Retry(f"{place}: {_RETRY[number]}")
    if number in _BLOCKED:
        reason, text = _BLOCKED[number]
        return Blocked(f"{place}: {text}", reason=reason)
    return Retry(f"{place}: {error.strerror or error}; it is tried again by itself")
