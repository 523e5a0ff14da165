"""Slices: how long the kernel lets others finish before a process that many clients talk to runs.

Linux hands processors out in slices of a millisecond and a half or three. Who wakes up waits until
the one that runs has had its slice, which is looked at each tick, so for up to 4 ms; but one that
asked for shorter slices than that goes first, and may be stopped as soon itself (Linux 6.12 and
later: EEVDF's custom slices; sched_setattr(2)). Its share of the processors stays what it was.
That fits one that does a fraction of a millisecond for each client. Needs no right.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

SHORTEST = 100_000  # ns; the kernel takes no less
_NUMBERS = {("x86_64", 8): 314, ("aarch64", 8): 274}  # of sched_setattr; no C library wraps it
_RESET_ON_FORK = 1  # threads and children ask for themselves
_syscall = getattr(ctypes.CDLL(None, use_errno=True), "syscall", None)


def ask_short_slices() -> bool:
    """From now on, for this thread. False: this system has no such thing, and nothing changed."""
    number = _NUMBERS.get((os.uname().machine, struct.calcsize("P")))
    if sys.platform != "linux" or number is None or _syscall is None:
        return False
    if os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK != os.SCHED_OTHER:
        return False  # somebody gave it a rank (chrt(1)), who will know why
    nice = os.getpriority(os.PRIO_PROCESS, 0)  # is set along with it
    asked = struct.pack("=IIQiIQQQ", 48, os.SCHED_OTHER, _RESET_ON_FORK, nice, 0, SHORTEST, 0, 0)
    return bool(_syscall(number, 0, ctypes.c_char_p(asked), 0) == 0)
