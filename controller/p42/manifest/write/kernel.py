"""Kernel: leases and the sync of a file system, as system calls.

A lease (fcntl(2), F_SETLEASE) is granted when nobody else has the file open; who opens it after
that is held up until we let go, and we are told. The signal it is told by is SIGURG, which is
ignored by default; SIGIO, the default one, would end the process.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
from functools import cache
from typing import Any, Literal

Lease = Literal["held", "refused", "unsupported"]


def lease(descriptor: int) -> Lease:
    """Ask for a write lease on the file: nobody else has it open, and nobody can without notice."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return "unsupported"
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return "refused" if error.errno in (errno.EAGAIN, errno.EBUSY) else "unsupported"
    return "held"


def unbroken(descriptor: int) -> bool:
    """Whether the lease holds and nobody waits for its end."""
    return fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_WRLCK


def release(descriptor: int) -> None:
    """End the lease: who waited in open(2) goes on."""
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def sync_file_system(directory: str) -> None:
    """Everything written to the file system of `directory` is on disk. OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        call = getattr(_libc(), "syncfs", None)
        if call is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        _checked(call(descriptor))
    finally:
        os.close(descriptor)


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)
