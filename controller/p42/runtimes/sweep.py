"""Sweep: end what runs of a daemon that was killed left behind, found by the mark they carry."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from p42.runtimes.processes import MARK

_PROC = Path("/proc")


def sweep(home: Path) -> tuple[int, ...]:
    """SIGKILL to every process that was run for `home`; their pids. Holding the home's lock only.

    Never to ourselves or those above us: a daemon may be started from within a run. Where there
    is no /proc, nothing is found.
    """
    spared = set(_lineage(os.getpid()))
    wanted = f"{MARK}={home}".encode()
    return tuple(pid for pid in _pids() if pid not in spared and _end_if_marked(pid, wanted))


def _end_if_marked(pid: int, wanted: bytes) -> bool:
    try:
        # Held before it is looked at: the number cannot come to mean another one in between.
        number = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if wanted not in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
            return False
        signal.pidfd_send_signal(number, signal.SIGKILL)
    except OSError:  # another user's, or gone
        return False
    finally:
        os.close(number)
    return True


def _pids() -> Iterator[int]:
    if _PROC.is_dir():
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _lineage(pid: int) -> Iterator[int]:
    """`pid`, its parent, and so on up."""
    while pid > 0:
        yield pid
        try:
            status = (_PROC / str(pid) / "stat").read_text(errors="replace")
        except OSError:
            return
        pid = int(status.rpartition(")")[2].split()[1])
