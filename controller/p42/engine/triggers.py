"""Triggers: all that makes the engine look again by itself.

Events of files and of reality are hints and may be lost, so the resync looks at everything every
30-60 s: watchfiles, for one, drops inotify's queue overflow without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from p42.engine.bugs import supervise
from p42.engine.desk import Desk
from p42.engine.feed import Feed
from p42.engine.queue import Priority
from p42.model.declared import Sources
from p42.model.refs import Ref

RESYNC_FIRST, RESYNC_LAST = 30.0, 60.0  # s; drawn anew each time, so that homes do not beat as one


class Triggers:
    """Watches files and reality, each watcher supervised."""

    def __init__(
        self, desk: Desk, feed: Feed, sources: Sources, *, random: Callable[[], float]
    ) -> None:
        self._desk = desk
        self._feed = feed
        self._sources = sources
        self._random = random

    def wake(self, ref: Ref | None) -> None:
        """Reality may have changed at `ref`; None = anywhere."""
        self._desk.wake(self._desk.catalog.wishes if ref is None else [ref], Priority.HEAL)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._resync())
            group.create_task(self._watch_files())
            for name in self._desk.drivers:
                group.create_task(self._watch_reality(name))

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_FIRST + (RESYNC_LAST - RESYNC_FIRST) * self._random())
            self._feed.hint(None)
            self._desk.wake(self._desk.catalog.wishes, Priority.RESYNC)

    async def _watch_files(self) -> None:
        """The watcher asks for the sources again and again, so a new one needs no telling."""

        async def watch() -> None:
            await self._sources.watch(lambda: self._desk.catalog.sources, self._feed.hint)

        await supervise("watching the sources", watch, failed=lambda: self._feed.hint(None))

    async def _watch_reality(self, kind: str) -> None:
        """A driver that has nothing to watch returns at once."""
        driver = self._desk.drivers[kind]

        def wake(ref: Ref | None) -> None:
            self._desk.wake(self._all_of(kind) if ref is None else [ref], Priority.HEAL)

        async def watch() -> None:
            await driver.watch(wake)

        await supervise(f"watching {kind}", watch, failed=lambda: wake(None))

    def _all_of(self, kind: str) -> list[Ref]:
        return [ref for ref in self._desk.catalog.wishes if ref.kind == kind]
