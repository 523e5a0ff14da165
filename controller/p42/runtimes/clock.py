"""SystemClock: the time of this machine, as the Clock port."""

from __future__ import annotations

import asyncio
import time

from p42.model.plan import Instant


class SystemClock:
    """Wall time for people, monotonic time for waiting, loop time for sleeping."""

    def now(self) -> Instant:
        """Seconds since the epoch, UTC. May jump: people set clocks, laptops sleep."""
        return Instant(time.time())

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in loop time."""
        await asyncio.sleep(seconds)
