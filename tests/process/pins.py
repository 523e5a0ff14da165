"""Pins: the engine's side of pinning, in memory. Unpinning takes as long as the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

from p42.ai.programs.pinning import Pinning
from p42.model.approval import Pin
from p42.model.errors import Retry


class Engine:
    """What is pinned, by whom. `gate` lets unpinning through; `refuses`: so often the disk does."""

    def __init__(self) -> None:
        self.pins: set[Pin] = set()
        self.gate = asyncio.Event()
        self.refuses = 0
        self.unpinned = 0  # how often

    async def pin(self, path: str, by: str) -> None:
        self.pins.add(Pin(path, by))
        await asyncio.sleep(0)

    async def unpin_all(self, pins: Collection[Pin]) -> None:
        self.unpinned += 1
        await self.gate.wait()
        if self.refuses:
            self.refuses -= 1
            raise Retry("the disk is full")
        self.pins.difference_update(pins)

    async def settle(self, refs: Any = None) -> None:
        return

    def guard(self, guard: Any) -> None:
        return

    def pinned_by(self) -> list[Pin]:
        return sorted(self.pins)

    @property
    def pinned(self) -> list[tuple[str, str]]:
        """Paths, and the names of those on whose account they are pinned."""
        return sorted((pin.path, pin.who) for pin in self.pins)


@asynccontextmanager
async def started(engine: Engine, *sources: str) -> AsyncIterator[Pinning]:
    """Pinning that runs, with `sources` followed."""
    pinning = Pinning(lambda: sources)
    pinning.open(engine, engine.pinned_by)
    task = asyncio.ensure_future(pinning.run())
    try:
        yield pinning
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def gone(engine: Engine) -> None:
    """Until nothing is pinned."""
    async with asyncio.timeout(5):
        while engine.pins:
            await asyncio.sleep(0)
