"""Brand: an inherited mark that no program takes off; by it p42 knows whatever it ever started.

Guarantees
- Whoever was started by a daemon or a keeper, at whatever remove, bears it: after two forks, in a
  session of its own, with an empty environment, under init, and when both have been killed.
- A program can change it for the worse alone: what is lower still is known as p42's.

It is the hard limit RLIMIT_LOCKS, which limits nothing (setrlimit(2): since Linux 2.4.25), which
fork and exec keep, and which only CAP_SYS_RESOURCE raises; where we have that, nobody we start has.
Its value tells the home. One who was started by another home's program goes below that one's.

Caveats: Linux alone. A daemon that one of its own programs started takes everybody for a program
who was started by one, as it should.
"""

from __future__ import annotations

import hashlib
import os
import resource
from contextlib import suppress
from pathlib import Path

from p42.keeper import linux

_LOCKS = 10  # RLIMIT_LOCKS, which Python has no name for
_LINE = "Max file locks"  # of /proc/PID/limits, which every user may read
_LEAST = 1 << 41  # above what anybody would mean by it, below 2^63
_CAP_SYS_RESOURCE = 24


def take(run: Path) -> None:
    """Bear the mark of the home with this run directory, and whoever is started from now on.

    For the rest of the process; before its first thread. Where the system has none, no effect.
    """
    own, wanted = mark(), value_of(run)
    if own is not None and own < wanted:
        wanted = own - 1  # whoever started us is a person to us
    with suppress(OSError, ValueError):
        resource.setrlimit(_LOCKS, (wanted, wanted))
    linux.bound(_CAP_SYS_RESOURCE)


def mark() -> int | None:
    """The mark we bear ourselves; None = none."""
    with suppress(OSError, ValueError):
        hard = resource.getrlimit(_LOCKS)[1]
        return None if hard == resource.RLIM_INFINITY else hard
    return None


def value_of(run: Path) -> int:
    """The mark of a home, by its run directory."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(run))).digest()
    return _LEAST + int.from_bytes(digest[:5], "big")


def is_on(pid: int) -> bool:
    """Whether `pid` was started by our home's daemon or keeper, or by what these started.

    Gone, or not to be seen: no.
    """
    own, its = mark(), mark_of(pid)
    return own is not None and its is not None and its <= own


def mark_of(pid: int) -> int | None:
    """The mark that `pid` bears; None = none, or it is gone."""
    try:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(_LINE):
            hard = line.split()[-2]
            return int(hard) if hard.isdecimal() else None
    return None
