"""Linux: the few system calls that Python does not wrap, and /proc. Resolved before any fork."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36

# One handle, looked up at import: after a fork nothing may take the loader's lock.
_prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)


def become_subreaper() -> None:
    """Orphans of our descendants become our children (prctl(2)); no effect elsewhere."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """SIGKILL when the parent ends. `parent`: who it has to be; exits if it is already gone."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def set_name(name: str) -> None:
    """The name `ps` shows; cut at 15 bytes."""
    if _prctl is not None:
        _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]), 0, 0, 0)


def undumpable() -> None:
    """No core dump and no ptrace by others of this user: memory may hold tokens."""
    if _prctl is not None:
        _prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def bound(capability: int) -> None:
    """Whatever this thread and those it starts run from now on never has `capability` (root).

    We keep it ourselves. Without the right to say so nobody below us has it anyway: no effect.
    """
    if _prctl is not None:
        _prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def start_time(pid: int) -> int:
    """Start of `pid` in clock ticks since boot; 0 if gone. Tells a reused pid from the old."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The name may hold spaces and brackets; what follows the last bracket may not.
    return int(stat.rpartition(")")[2].split()[19])


def own_children() -> list[int]:
    """Direct children of this process, zombies included; [] where the kernel does not list them.

    One thread, so one list (CONFIG_PROC_CHILDREN, Linux 3.5).
    """
    try:
        return [int(word) for word in Path("/proc/thread-self/children").read_text().split()]
    except OSError:
        return []
