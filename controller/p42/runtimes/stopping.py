"""Stopping: how this process is told to end, and what happens if it does not.

Handlers stay in place to the very end of the process: a signal that arrives while the last files
are being removed must not kill it half-way. While children may be started they are functions, and
not SIG_IGN, which children would inherit.
"""

from __future__ import annotations

import asyncio
import faulthandler
import signal
from types import FrameType

LIMIT = 9.0  # s from the wish to the end, whatever hangs; a stop is promised within 10
_ENDING = (signal.SIGTERM, signal.SIGINT)
KEEPING = signal.SIGUSR1  # what a service manager sends for a restart that leaves children alone
# A daemon outlives its terminal. SIGIO kills by default, and the kernel sends it when somebody
# opens a manifest that is just being written (fcntl(2), leases).
_DEAF_TO = (signal.SIGHUP, signal.SIGIO)


class Stop:
    """Asked for by SIGTERM, SIGINT, SIGUSR1 or `ask`; a second time changes nothing.

    SIGUSR1 and `ask(keep=True)` leave the children to the keeper, for the daemon that comes next.
    """

    def __init__(self) -> None:
        self._asked = False
        self.keeps_children = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None

    def listen(self) -> None:
        """Take the signals over. In the main thread; for the rest of the process."""
        for number in (*_ENDING, KEEPING):
            signal.signal(number, self._heard)
        for number in _DEAF_TO:
            signal.signal(number, _nothing)

    def ask(self, *, keep: bool = False) -> None:
        """End. What still hangs after LIMIT seconds is shown with its stack, and cut off."""
        if not self._asked:
            self._asked, self.keeps_children = True, keep
            faulthandler.dump_traceback_later(LIMIT, exit=True)
        if self._loop is not None and self._event is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        """Until it was asked for. Once per process."""
        self._event, self._loop = asyncio.Event(), asyncio.get_running_loop()
        if not self._asked:
            await self._event.wait()

    def deafen(self) -> None:
        """Nothing more is heard, and no child is started any more. The interpreter takes functions
        down before the process ends: a signal in that moment would make a kill of a clean end."""
        for number in (*_ENDING, KEEPING):
            signal.signal(number, signal.SIG_IGN)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.ask(keep=number == KEEPING)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Heard, and no more."""
