"""Orphans: processes that outlived who answered for them, found by the mark they carry and ended.

A program dies with its keeper; what it had forked does not. Every program is started with a mark
in its environment, which all that it starts inherits, so the next keeper of the home knows them.
One that takes the mark out of its environment is not found. Where there is no /proc, none is.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

from p42.keeper.lineage import lineage

KEPT = "P42_KEPT_BY"  # the run directory of the keeper whose program this is, or descends from
_PROC = Path("/proc")


def end_left_behind(run: Path) -> tuple[int, ...]:
    """End what the programs of an earlier keeper of `run` left; their pids. Holding its lock only.

    Never ourselves or the daemon, nor those above: either may be started from within a program.
    """
    return end_marked(f"{KEPT}={run}", spared={*lineage(os.getpid()), *lineage(_daemon(run))})


def end_marked(mark: str, *, spared: Collection[int]) -> tuple[int, ...]:
    """SIGKILL to every process with `mark`, NAME=VALUE, in its environment; their pids."""
    wanted = os.fsencode(mark)
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


def _daemon(run: Path) -> int:
    """The daemon's pid, 0 = none is written down."""
    try:
        return int((run / "p42.pid").read_text())
    except (OSError, ValueError):
        return 0
