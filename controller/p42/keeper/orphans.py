"""Orphans: processes that outlived who answered for them, found by the mark they carry and ended.

A program dies with its keeper; what it had forked does not. It is known by the brand, which it
cannot take off (see there), and by a mark in its environment, which it can: that one is for systems
without a brand, and tells a keeper's programs from its daemon's. Where there is no /proc, none is.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from p42.keeper import brand
from p42.keeper.lineage import lineage

KEPT = "P42_KEPT_BY"  # the run directory of the keeper whose program this is, or descends from
DAEMON, KEEPER = "p42.pid", "keeper.lock"  # files of a run directory that hold their pids
OVER = "ZX"  # states of what has ended, and nobody has asked how
ROUNDS = 20  # looks, for what forks while it is being ended; one that never stops is not waited for
_PROC = Path("/proc")


def end_left_behind(run: Path) -> tuple[int, ...]:
    """End what the programs of an earlier keeper of `run` left; their pids. Holding its lock only.

    Never ourselves or the daemon, nor those above: either may be started from within a program.
    """
    spared = {*lineage(os.getpid()), *lineage(_pid_in(run / DAEMON))}
    return (*end_marked(f"{KEPT}={run}", spared=spared), *end_strays(run))


def end_strays(run: Path) -> tuple[int, ...]:
    """SIGKILL to all that bears our brand and nobody of `run` answers for; their pids.

    Ourselves, the daemon and the keeper answer for what is below them, and are spared with those
    above. Not while another process of ours is forking a keeper: nobody answers for that one yet.
    """
    own = brand.mark()
    if own is None:
        return ()
    heads = {os.getpid(), _pid_in(run / DAEMON), _pid_in(run / KEEPER)}
    spared = {above for head in heads for above in lineage(head)}

    def is_stray(pid: int) -> bool:
        if brand.mark_of(pid) != own or not heads.isdisjoint(lineage(pid)):
            return False
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        return stat.rpartition(")")[2].split()[0] not in OVER

    ended: list[int] = []
    for _ in range(ROUNDS):
        found = [pid for pid in _pids() if pid not in spared and _end_if(is_stray, pid)]
        if not found:
            break
        ended += found
    return tuple(dict.fromkeys(ended))


def end_marked(mark: str, *, spared: Collection[int]) -> tuple[int, ...]:
    """SIGKILL to every process with `mark`, NAME=VALUE, in its environment; their pids."""
    wanted = os.fsencode(mark)

    def is_marked(pid: int) -> bool:
        return wanted in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")

    return tuple(pid for pid in _pids() if pid not in spared and _end_if(is_marked, pid))


def _end_if(holds: Callable[[int], bool], pid: int) -> bool:
    try:
        # Held before it is looked at: the number cannot come to mean another one in between.
        number = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not holds(pid):
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


def _pid_in(path: Path) -> int:
    """The pid in a file, 0 = none is written down."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
