"""Ended: the end of a child, awaited without reaping it: its number stays its own till then."""

from __future__ import annotations

import asyncio
import os
import sys

POLL = 0.02  # s; where the system has no pidfd; a run is rarely shorter


class Ended:
    """Watches `pid`, a child of ours, until `close`. OSError when no descriptor is left."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._number = -1
        if sys.platform == "linux":
            self._number = os.pidfd_open(pid)
            self._loop.add_reader(self._number, self._seen)

    async def wait(self) -> None:
        """Return when the child has ended; it is still a zombie then."""
        if self._number >= 0:
            await self._over.wait()
        while self._number < 0 and not _is_zombie(self._pid):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(POLL)

    def close(self) -> None:
        """Stop watching."""
        if self._number >= 0:
            self._loop.remove_reader(self._number)
            os.close(self._number)

    def _seen(self) -> None:
        self._loop.remove_reader(self._number)
        self._over.set()


def _is_zombie(pid: int) -> bool:
    import psutil  # only where there is no pidfd

    return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
