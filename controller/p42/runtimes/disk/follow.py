"""Follow: the names of a directory that may have changed, as they change.

Guarantees
- Hints only, and never too few for long: when news were lost (overflow), or the directory was
  taken away or came back, every name known before or now is told.
- The directory may be deleted, moved, made again, or not be there yet.
- Closing the iterator, or cancelling who waits in it, leaves nothing behind.

Linux has inotify; elsewhere watchfiles does the same with more delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from p42.model.errors import Retry
from p42.model.faults import fault
from p42.runtimes.disk import inotify

ABSENT = 1.0  # s; how often a missing directory is looked for when no news of it come
SETTLE = 0.005  # s; one save is several events: told once, and a burst in few pieces


def follow(directory: Path, *, ignore: str = "") -> AsyncIterator[frozenset[str]]:
    """Names that may have changed, until closed. `ignore` is never told.

    Raises Retry when the system has no watch left to give, Blocked when it may not be read.
    """
    if sys.platform == "linux":
        return _by_inotify(directory, ignore)
    return _by_watchfiles(directory, ignore)


async def _by_inotify(directory: Path, ignore: str) -> AsyncIterator[frozenset[str]]:
    known: set[str] = set()
    first = True
    while True:
        try:
            watch = _Watch(str(directory), inotify.CHANGES)
        except (FileNotFoundError, NotADirectoryError):
            first = False
            await _appears(directory)
            continue
        except OSError as error:
            raise _out_of_watches(error, directory) from error
        with contextlib.closing(watch):
            now = _names(directory)
            missed = frozenset(known | now) - {ignore}
            if missed and not first:
                yield missed  # what happened while nobody watched
            known, first = now, False
            async for names, complete in watch.changes():
                known |= names
                told = frozenset(names if complete else known | _names(directory)) - {ignore}
                if told:
                    yield told


async def _appears(directory: Path) -> None:
    """Return when `directory` may be there again. Watches the nearest directory above."""
    try:
        watch = _Watch(_nearest(directory), inotify.APPEARS)
    except OSError:  # without a watch, waiting does it
        await asyncio.sleep(ABSENT)
        return
    with contextlib.closing(watch):
        if not _is_there(directory):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ABSENT):
                    await watch.readable.wait()


def _nearest(directory: Path) -> str:
    above = directory.parent
    while not above.is_dir() and above != above.parent:
        above = above.parent
    return str(above)


def _is_there(directory: Path) -> bool:
    return directory.is_dir()


class _Watch:
    """One inotify descriptor in the loop. `readable` is set while there is something to read."""

    def __init__(self, directory: str, mask: int) -> None:
        self.readable = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._number = inotify.open_watch(directory, mask)
        self._loop.add_reader(self._number, self._wake)

    def _wake(self) -> None:
        # Taken out of the loop until it is read: level-triggered, it would spin meanwhile.
        self._loop.remove_reader(self._number)
        self.readable.set()

    async def changes(self) -> AsyncIterator[tuple[set[str], bool]]:
        """Names, and whether those are all. Ends when the directory is gone, after telling."""
        gone = False
        while not gone:
            await self.readable.wait()
            await asyncio.sleep(SETTLE)
            names: set[str] = set()
            complete = True
            while news := list(inotify.read_news(self._number)):
                for mask, name in news:
                    names |= {name} if name else set()
                    gone = gone or bool(not name and mask & inotify.GONE)
                    complete = complete and not mask & inotify.OVERFLOW
            self.readable.clear()
            self._loop.add_reader(self._number, self._wake)
            yield names, complete and not gone

    def close(self) -> None:
        """Give the descriptor back."""
        self._loop.remove_reader(self._number)
        os.close(self._number)


def _names(directory: Path) -> set[str]:
    try:
        return {entry.name for entry in directory.iterdir()}
    except OSError:
        return set()


def _out_of_watches(error: OSError, directory: Path) -> Exception:
    """ENOSPC and EMFILE mean other things to inotify than to a disk: inotify_add_watch(2)."""
    if error.errno in (errno.EMFILE, errno.ENOSPC):
        return Retry(
            f"{directory}: no watch left on this machine; raise fs.inotify.max_user_watches and "
            "max_user_instances (sysctl); until then changes are seen at the next full look"
        )
    return fault(error, str(directory))


async def _by_watchfiles(directory: Path, ignore: str) -> AsyncIterator[frozenset[str]]:
    from watchfiles import awatch

    while True:
        try:
            changes = awatch(
                directory, debounce=50, step=5, recursive=False, watch_filter=None,
                ignore_permission_denied=True,
            )  # fmt: skip
            async for batch in changes:
                if told := frozenset(Path(path).name for _, path in batch) - {ignore}:
                    yield told
        except FileNotFoundError:
            pass
        except OSError as error:
            raise fault(error, str(directory)) from error
        await asyncio.sleep(ABSENT)
        if told := frozenset(_names(directory)) - {ignore}:
            yield told
