"""Pinning: while a program of an agent runs without a sandbox, every change of a manifest waits.

It could write any of them, so all are treated as `trust: pin`. Two owners take turns: while what
the last program wrote is still being looked at, the next one's pin is already another.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from p42.model.errors import P42Error

OWNERS = ("programs of agents", "programs of agents, later ones")
EVERYWHERE = "/"
AGAIN = 10.0  # s after a disk that refused

_log = logging.getLogger("p42.agents")


class Engine(Protocol):
    """What of the engine is needed."""

    async def pin(self, path: str, by: str) -> None:
        """Every change below `path` waits from now on."""

    async def unpin(self, path: str, by: str) -> None:
        """It has ended. What it wrote last is held first. Takes seconds."""

    async def settle(self, refs: Collection[Any] | None = None) -> None:
        """Returns once the manifests have been looked at."""


class Pinning:
    """`run` takes the pins back; before `open` there are none to make."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._pinned: Callable[[], Sequence[str]] = tuple
        self._users: Counter[str] = Counter()
        self._leaving = ""  # whose pin is being taken back
        self._due: set[str] = set()
        self._some = asyncio.Event()

    def open(self, engine: Engine, pinned: Callable[[], Sequence[str]]) -> None:
        """From now on. `pinned` tells the paths that are pinned."""
        self._engine, self._pinned = engine, pinned

    @asynccontextmanager
    async def held(self, *, wrapped: bool) -> AsyncIterator[None]:
        """Within the block a program runs; `wrapped` in a sandbox, which needs no pin."""
        engine = self._engine
        if wrapped or engine is None:
            yield
            return
        owner = next(each for each in OWNERS if each != self._leaving)
        self._users[owner] += 1
        try:
            await engine.pin(EVERYWHERE, owner)
            yield
        finally:
            self._users[owner] -= 1
            self._due.add(owner)
            self._some.set()

    async def run(self) -> None:
        """Take back what nobody needs, a crashed daemon's first, until cancelled."""
        if self._engine is not None:
            await self._engine.settle(())
            if EVERYWHERE in self._pinned():
                self._due.update(OWNERS)
                self._some.set()
        while True:
            await self._some.wait()
            self._some.clear()
            while self._engine is not None and (owner := self._next()):
                await self._unpin(self._engine, owner)

    def _next(self) -> str:
        free = [owner for owner in sorted(self._due) if not self._users[owner]]
        return free[0] if free else ""

    async def _unpin(self, engine: Engine, owner: str) -> None:
        self._leaving = owner
        try:
            await engine.unpin(EVERYWHERE, owner)
            self._due.discard(owner)
        except P42Error as error:
            _log.warning("changes go on waiting for approval: %s", error)
            await asyncio.sleep(AGAIN)
        finally:
            self._leaving = ""
