"""Timepiece: a clock that stands still till told; threads are real, so loop time cannot be."""

from __future__ import annotations

import asyncio

from p42.model.plan import Instant


class Timepiece:
    """The Clock port. `naps` are the sleeps asked for; each ends after one turn of the loop."""

    def __init__(self) -> None:
        self.at = 1_000.0
        self.naps: list[float] = []

    def now(self) -> Instant:
        return Instant(self.at)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)
