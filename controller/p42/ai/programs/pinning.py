"""Pinning: while a program of an agent may write what p42 follows, every change there waits.

    without a sandbox                     everything is treated as `trust: pin`
    in one that is older than a source    that source is, whole: a manifest names files beside it

Guarantees
- A source is pinned, on disk, before anything of it is read, or the program is begun: there is no
  moment in which a change of the program's passes.
- Who only rests is ended before the source is followed, and pins nothing where that is the end of
  all it started. Who works goes on.
- A pin is taken back when what its program wrote last has been looked at, and is held for good.
  Each program has its own: one that begins meanwhile is not touched by that.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from p42.model.approval import Pin
from p42.model.errors import P42Error
from p42.runtimes.sandbox.reach import Reach

EVERYWHERE = "/"
AGAIN = 10.0  # s after a disk that refused
TOLD = (
    "%s was begun before %s was followed, and may write there: every change there waits for "
    "approval until it has ended"
)

_log = logging.getLogger("p42.agents")


class Engine(Protocol):
    """What of the engine is needed."""

    async def pin(self, path: str, by: str) -> None:
        """Every change below `path` waits from now on."""

    async def unpin_all(self, pins: Collection[Pin]) -> None:
        """Their programs have ended. What they wrote last is held first. Takes seconds."""

    async def settle(self, refs: Collection[Any] | None = None) -> None:
        """Returns once the manifests have been looked at."""

    def guard(self, guard: Any) -> None:
        """`guard.following` is asked before sources are followed."""


class Hold:
    """A program that runs. `leave` ends it, if it only rests just now; None = it works."""

    def __init__(self, who: str, reach: Reach | None) -> None:
        self.who, self.reach = who, reach
        self.pins: dict[str, Pin] = {}  # by path
        self.leave: Callable[[], Awaitable[None]] | None = None

    @property
    def ends_whole(self) -> bool:
        """Whether nothing that it started outlives it, for as long as the keeper takes to look."""
        return self.reach is not None and self.reach.whole

    @property
    def outdated(self) -> bool:
        """Whether it has walls, and a new one would have others: it should end when it rests."""
        return self.reach is not None and bool(self.pins)


class Pinning:
    """`run` takes the pins back; before `open` there are none to make. `sources` are followed."""

    def __init__(self, sources: Callable[[], Sequence[str]] = tuple) -> None:
        self._sources = sources
        self._coming: list[str] = []  # about to be followed
        self._engine: Engine | None = None
        self._holds: list[Hold] = []
        self._due: set[Pin] = set()
        self._some = asyncio.Event()

    def open(self, engine: Engine, pinned: Callable[[], Sequence[Pin]]) -> None:
        """From now on. `pinned` tells what a crashed daemon's programs have left."""
        self._engine = engine
        self._due.update(pinned())
        engine.guard(self)

    @asynccontextmanager
    async def held(self, who: str, reach: Reach | None) -> AsyncIterator[Hold]:
        """Within the block `who`, as a person is told, runs; `reach` None = without a sandbox."""
        hold = Hold(who, reach)
        self._holds.append(hold)  # before anything is asked: whatever comes now, comes to it too
        try:
            await self._pin(hold, [EVERYWHERE] if reach is None else await self._opened(hold))
            yield hold
        finally:
            self._holds.remove(hold)
            self._free(hold.pins.values())

    @asynccontextmanager
    async def following(self, sources: Sequence[str]) -> AsyncIterator[None]:
        """Inside, `sources` come to be followed: who can write there has ended, or pinned them."""
        self._coming += sources
        try:
            await self._meet(sources)
            yield
        finally:
            for source in sources:
                self._coming.remove(source)

    async def run(self) -> None:
        """Take back what nobody needs, a crashed daemon's first, until cancelled."""
        if self._engine is not None:
            await self._engine.settle(())
            self._free(())
        while True:
            await self._some.wait()
            self._some.clear()
            while self._engine is not None and self._due:
                await self._unpin(self._engine, frozenset(self._due))

    async def _opened(self, hold: Hold) -> list[str]:
        """What it can write of what is followed, or will be in a moment."""
        return await _opens(hold.reach, [*self._sources(), *self._coming])

    async def _meet(self, sources: Sequence[str]) -> None:
        """Whoever comes later asks for itself what is about to be followed."""
        found = {hold: await _opens(hold.reach, sources) for hold in list(self._holds)}
        meant = {hold: paths for hold, paths in found.items() if paths}
        for hold, paths in meant.items():
            if hold in self._holds and not hold.ends_whole:
                await self._pin(hold, paths)
        async with asyncio.TaskGroup() as group:
            for hold in meant:
                group.create_task(_let_go(hold))
        for hold, paths in meant.items():
            if hold in self._holds:
                await self._pin(hold, paths)
                _log.warning(TOLD, hold.who, ", ".join(paths))

    async def _pin(self, hold: Hold, paths: Sequence[str]) -> None:
        if self._engine is None:
            return
        for path in paths:
            if path in hold.pins:
                continue
            pin = hold.pins[path] = Pin(path, f"{hold.who} #{secrets.token_hex(4)}")
            try:
                await self._engine.pin(*pin)
            finally:
                if hold not in self._holds:  # it ended meanwhile, and did not know of this one
                    self._free([pin])

    def _free(self, pins: Collection[Pin]) -> None:
        self._due.update(pins)
        if self._due:
            self._some.set()

    async def _unpin(self, engine: Engine, pins: Collection[Pin]) -> None:
        try:
            await engine.unpin_all(sorted(pins))
            self._due.difference_update(pins)
        except P42Error as error:
            _log.warning("changes go on waiting for approval: %s", error)
            await asyncio.sleep(AGAIN)


async def _let_go(hold: Hold) -> None:
    """End it, if it rests."""
    if hold.leave is not None:
        try:
            await hold.leave()
        except P42Error as error:
            _log.warning("%s: %s", hold.who, error)


async def _opens(reach: Reach | None, sources: Sequence[str]) -> list[str]:
    if reach is None or not sources:
        return []
    return await asyncio.to_thread(lambda: [each for each in sources if reach.opens(each)])
