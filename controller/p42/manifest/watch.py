"""Watch: hints that files may have changed. Never the truth: that is the next look.

Exactly the directories that the last walk entered are watched, each by itself: no descriptor is
spent on `.git` or `node_modules`. What cannot be told from single events becomes "anything": the
start, a new or removed directory, more than 1,000 paths at once (watchfiles loses inotify overflows
silently), any error of the watcher (a name that is not UTF-8 ends it).
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH112, PTH116
from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

BURST = 1000  # paths in one batch; by then some were probably lost
# ms. A save is reported after one step; each costs idle CPU (0.5 % of a core at 5, a third at 15).
DEBOUNCE, STEP = 50, 15
RECHECK = 500  # ms between questions whether the set of directories changed
QUIET = 0.25  # s between attempts of a failing watcher: soon enough, and no busy loop

Wake = Callable[[frozenset[str] | None], None]


class Watch:
    """Watches what `directories` says of each source; `meant` turns a path into manifests."""

    def __init__(
        self,
        directories: Callable[[str], frozenset[str]],
        meant: Callable[[str, Sequence[str]], frozenset[str]],
    ) -> None:
        self._of = directories
        self._meant = meant

    async def run(self, sources: Callable[[], Sequence[str]], wake: Wake) -> None:
        """Until cancelled. A failing watcher is started again, and then anything may be new."""
        while True:
            watched = self._identities(sources())
            if not watched:
                await asyncio.sleep(RECHECK / 1000)
                continue
            try:
                await self._follow(watched, sources, wake)
            except* (OSError, RuntimeError):  # watchfiles raises from a task group of its own
                # Out of watches, a directory gone between look and watch, an undecodable name.
                wake(None)
                await asyncio.sleep(QUIET)

    async def _follow(
        self, watched: dict[str, int], sources: Callable[[], Sequence[str]], wake: Wake
    ) -> None:
        """Until the set of directories, or one of them, is another one."""
        from watchfiles import awatch  # 38 ms that only the daemon pays

        stop = asyncio.Event()
        batches = awatch(*watched, watch_filter=None, debounce=DEBOUNCE, step=STEP,
                         stop_event=stop, rust_timeout=RECHECK, yield_on_timeout=True,
                         recursive=False)  # fmt: skip
        wake(None)  # whatever happened before the first watch stood
        try:
            async for batch in batches:
                paths = {path for _, path in batch}
                self._tell(paths, watched, sources(), wake)
                if self._identities(sources()) != watched:
                    return
        finally:
            stop.set()
            await batches.aclose()

    def _tell(
        self, paths: set[str], watched: dict[str, int], sources: Sequence[str], wake: Wake
    ) -> None:
        if not paths:
            return
        if len(paths) > BURST or any(p in watched or os.path.isdir(p) for p in paths):
            wake(None)
            return
        meant: frozenset[str] = frozenset().union(*(self._meant(p, sources) for p in paths))
        if meant:
            wake(meant)

    def _identities(self, sources: Sequence[str]) -> dict[str, int]:
        """The inode of every directory to watch that is there: a replaced one needs a new watch."""
        wanted: set[str] = set().union(*(self._of(source) for source in sources))
        found = {}
        for path in sorted(wanted):
            try:
                found[path] = os.stat(path).st_ino
            except OSError:
                continue
        return found
