"""Descent: the processes below one, and asking them to end.

A signal to a sandbox's own process would end what is inside without a word: bubblewrap dies of it,
and with it its process name space. So what is below is asked, and bubblewrap follows by itself.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SANDBOX = "bwrap"  # how the kernel calls it
MOST = 10_000  # processes; a fork bomb is not to be counted to its end


def below(pid: int) -> list[int]:
    """Processes that descend from `pid`, parents first; [] where there is no /proc."""
    found = [pid]
    for each in found:
        found += _children(each)
        if len(found) > MOST:
            break
    return found[1:]


def ask_to_end(pid: int) -> None:
    """SIGTERM to `pid` and all below it but bubblewrap's own. Never raises.

    Between the look and the signal a number could pass to somebody else, were it not that the
    system goes through all the others first.
    """
    for each in [pid, *below(pid)]:
        if _name(each) != SANDBOX:
            with suppress(OSError):
                os.kill(each, signal.SIGTERM)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _children(pid: int) -> Iterator[int]:
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, path.read_text().split())
