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
import threading
from collections.abc import Callable, Sequence

BURST = 1000  # paths in one batch; by then some were probably lost
# ms. A save is reported after one step; each costs idle CPU (0.5 % of a core at 5, a third at 15).
DEBOUNCE, STEP = 50, 15
POLL = 300  # ms between two looks where the system has no news to give; as watchfiles has it
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
            except (OSError, RuntimeError):
                # Out of watches, a directory gone between look and watch, an undecodable name.
                wake(None)
                await asyncio.sleep(QUIET)

    async def _follow(
        self, watched: dict[str, int], sources: Callable[[], Sequence[str]], wake: Wake
    ) -> None:
        """Until the set of directories, or one of them, is another one."""
        from watchfiles._rust_notify import RustNotify  # 15 ms that only the daemon pays

        stop = threading.Event()
        # Its documented lower half, not awatch: that brings a whole event loop of anyio's along,
        # 25 ms of every start.
        with RustNotify(list(watched), False, _must_poll(), POLL, False, False) as watcher:
            wake(None)  # whatever happened before the first watch stood
            try:
                while self._identities(sources()) == watched:
                    batch = await asyncio.to_thread(watcher.watch, DEBOUNCE, STEP, RECHECK, stop)
                    if isinstance(batch, set):
                        self._tell({path for _, path in batch}, watched, sources(), wake)
            finally:
                stop.set()  # a thread that is still in it ends that within STEP

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


def _must_poll() -> bool:
    """Whether the system's own news cannot be had: on WSL 2, as watchfiles itself decides it."""
    asked = os.environ.get("WATCHFILES_FORCE_POLLING", "")
    if asked:
        return asked.lower() not in ("false", "disable", "disabled")
    return "microsoft-standard" in os.uname().release.lower()
