"""Processes: the daemon's, seen from outside: whether it lives, and when it has ended."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

POLL = 0.02  # s, where the system cannot tell by itself


def pid_in(file: Path) -> int | None:
    """The pid in a pid file, if that process lives and is a p42."""
    try:
        pid = int(file.read_text())
    except (OSError, ValueError):
        return None
    return pid if pid > 1 and is_alive(pid) and _is_ours(pid) else None


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that ended and was not collected yet is not alive."""
    return not has_ended(pid, within=0)


def has_ended(pid: int, *, within: float) -> bool:
    """Whether `pid` ends within so many seconds. A pid that is not there has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    except (OSError, AttributeError):  # macOS, or a kernel before 5.3
        return _polled(pid, within)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(within * 1000))
    finally:
        os.close(handle)


def _polled(pid: int, within: float) -> bool:
    end = time.monotonic() + within
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        if time.monotonic() >= end:
            return False
        time.sleep(POLL)


def _is_ours(pid: int) -> bool:
    try:
        return b"p42" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True  # no /proc: the pid file is all there is
