"""Descent: the processes below one, and asking them to end.

A signal to a sandbox's own process would end what is inside without a word: bubblewrap dies of it,
and with it its process name space. So what is below is asked, and bubblewrap follows by itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

SANDBOX = "bwrap"  # how the kernel calls it
POLL = 0.005  # s between two looks at what is just ending
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


async def until_gone(pids: Collection[int], *, seconds: float) -> None:
    """Until none of `pids` runs any more, at most so long. One nobody has asked after has ended."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while any(map(_runs, pids)):  # noqa: ASYNC110 - of another's children nobody tells us
                await asyncio.sleep(POLL)


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _children(pid: int) -> Iterator[int]:
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, path.read_text().split())
