"""Feed: the looks at the files, one at a time, and what they change in the catalog.

Hints say only where to look first; the survey of all sources is the truth. A look blocks, so it
runs in a thread; the catalog is changed in the loop, under one lock with everybody who asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from p42.engine.bugs import caught
from p42.engine.catalog import Catalog
from p42.model.declared import Sources
from p42.model.look import FileLook, SourceLook
from p42.model.refs import Ref

BURST = 64  # hints at once; from here on one survey is surer than single looks, and cheaper ...
SHARE = 8  # ... if they are that part of all files: a survey asks the disk about each of the others
MANIFESTS = (".yaml", ".yml", ".json")
STRAY = 1.0  # s between surveys caused by paths that mean nothing to us (an editor's swap files)
GRAIN = 0.001  # s; a timer may fire a hair before its time, and what is not due must not spin
MISHAP = 5.0  # s until the next try after a look that failed by our own mistake

Changed = Callable[[frozenset[Ref]], None]


class Feed:
    """`changed` hears, in the loop, of every name of which the files say something new."""

    def __init__(self, catalog: Catalog, sources: Sources, *, changed: Changed) -> None:
        self.surveyed = asyncio.Event()  # the files were looked at, once at least
        self._catalog = catalog
        self._sources = sources
        self._changed = changed
        self._lock = asyncio.Lock()
        self._bell = asyncio.Event()
        self._hints: set[str] = set()
        self._survey_at: float | None = None

    def hint(self, paths: frozenset[str] | None) -> None:
        """Something may have changed at `paths`; None = anywhere. Cheap, never blocks."""
        now = asyncio.get_running_loop().time()
        if paths is None:
            self._ask_survey(now)
        else:
            self._hints |= paths
        self._bell.set()

    async def run(self) -> None:
        """Look when hinted at, when the catalog asks to, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._sleep()
            with caught("looking at the sources") as result:
                await self._look(loop.time())
            if result.error is not None:
                self._ask_survey(loop.time() + MISHAP)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """While inside, nobody else looks or changes the catalog."""
        async with self._lock:
            yield

    async def survey(self) -> None:
        """Look at all sources now and believe it."""
        async with self._lock:
            await self.survey_alone()

    async def survey_alone(self) -> None:
        """As `survey`, for a caller inside `alone`."""
        self._survey_at = None
        # Before the look, not after: two looks are as far apart as their beginnings, at least.
        now = asyncio.get_running_loop().time()
        looks = [await self.look(source) for source in self._catalog.sources]
        changed = self._catalog.survey(looks, now)
        changed |= await self.ask_git(self._catalog)
        self._changed(changed)
        self.surveyed.set()

    async def look(self, source: str) -> SourceLook:
        """One look at one source, in a thread. It need not be followed."""
        return await asyncio.to_thread(self._sources.look, source)

    async def real(self, path: str) -> str:
        """`path` as sources and their files are named. For a caller inside `alone`."""
        return await asyncio.to_thread(self._sources.real, path)

    async def ask_git(self, catalog: Catalog) -> frozenset[Ref]:
        """What is held may be explained by a commit."""
        changed: frozenset[Ref] = frozenset()
        for source, files in catalog.held_files().items():
            explained = await asyncio.to_thread(self._sources.explained, source, files)
            changed |= catalog.explain(explained)
        return changed

    async def peek(self, path: str) -> None:
        """Look at one file now and believe it."""
        async with self._lock:
            source = self._catalog.source_of(path)
            if source is None:
                return
            now = asyncio.get_running_loop().time()
            look: FileLook = await asyncio.to_thread(self._sources.look_file, path, source)
            self._changed(self._catalog.peek(look, source, now))

    def _ask_survey(self, at: float) -> None:
        self._survey_at = at if self._survey_at is None else min(at, self._survey_at)

    def next_look(self) -> float | None:
        """When (loop time) the catalog wants another look; None = only when something happens."""
        due = [self._catalog.due_survey, *self._catalog.due_files.values()]
        return min((at + GRAIN for at in due if at is not None), default=None)

    async def _sleep(self) -> None:
        """Until there is something to look at."""
        if self._hints:
            return
        self._bell.clear()
        times = [at for at in (self._survey_at, self.next_look()) if at is not None]
        try:
            async with asyncio.timeout_at(min(times, default=None)):
                await self._bell.wait()
        except TimeoutError:
            return

    async def _look(self, now: float) -> None:
        hints, self._hints = self._hints, set()
        late = {path for path, at in self._catalog.due_files.items() if at <= now}
        burst = max(BURST, len(self._catalog.shelves) // SHARE)
        if len(hints) > burst:
            self._ask_survey(now)
        else:
            files, stray = self._sorted_out(hints)
            if stray:
                self._ask_survey(now + STRAY)
            if len(files) > burst:
                self._ask_survey(now)
            else:
                for path in sorted(files | late):
                    await self.peek(path)
        surveys = (self._survey_at, self._catalog.due_survey)
        if any(at is not None and at <= now + GRAIN for at in surveys):
            await self.survey()

    def _sorted_out(self, hints: Iterable[str]) -> tuple[set[str], bool]:
        """Manifests to look at, and whether there were paths of which nothing is known."""
        files: set[str] = set()
        stray = False
        for path in hints:
            naming = self._catalog.shelves.naming(path)
            files.update(naming)
            if self._catalog.shelves.at(path) is not None or path.endswith(MANIFESTS):
                files.add(path)
            elif not naming:
                stray = True
        return files, stray
