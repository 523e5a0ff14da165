"""KeyNews: tells who follows that the key behind a reference may have changed.

What p42 changes itself is told at once; a key file of the user's, when its directory has news. Of
a variable there are none, and of the system's keychain nobody is told: there the loop's look once a
minute has to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from p42.model.errors import P42Error

MOST = 64  # directories; each takes a watch of the system's
AGAIN = 60.0  # s until a directory that could not be followed is tried again

Follow = Callable[[Path], AsyncIterator[frozenset[str]]]  # the Files port's

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Follower:
    """`waiting` is keyed: a follower that lags holds each reference once."""

    waiting: dict[str | None, None] = field(default_factory=dict)
    bell: asyncio.Event = field(default_factory=asyncio.Event)


class KeyNews:
    """Use from one event loop."""

    def __init__(self) -> None:
        self._followers: list[_Follower] = []
        self._files: dict[Path, dict[str, str]] = {}  # directory -> name -> reference
        self._more = asyncio.Event()  # directories

    def tell(self, reference: str | None) -> None:
        """The key behind `reference` may be another now; None = any may."""
        for follower in self._followers:
            follower.waiting[reference] = None
            follower.bell.set()

    def follow(self) -> AsyncIterator[str | None]:
        """What is told from this call on, until closed."""
        follower = _Follower()
        self._followers.append(follower)
        return self._told(follower)

    def expect(self, reference: str, path: Path) -> None:
        """`reference` leads to the file at `path`: what happens to it is news from now on."""
        if path.parent not in self._files and len(self._files) < MOST:
            self._files[path.parent] = {}
            self._more.set()
        self._files.get(path.parent, {})[path.name] = reference

    async def watch(self, follow: Follow) -> None:
        """Tell of key files that change, until cancelled."""
        followed: set[Path] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                for directory in self._files.keys() - followed:
                    followed.add(directory)
                    group.create_task(self._watch(directory, follow))
                self._more.clear()
                await self._more.wait()

    async def _watch(self, directory: Path, follow: Follow) -> None:
        while True:
            try:
                async for names in follow(directory):
                    for name in names & self._files[directory].keys():
                        self.tell(self._files[directory][name])
            except P42Error as error:
                _log.info("key files in %s are looked at once a minute: %s", directory, error)
            await asyncio.sleep(AGAIN)

    async def _told(self, follower: _Follower) -> AsyncIterator[str | None]:
        try:
            while True:
                while follower.waiting:
                    yield follower.waiting.popitem()[0]
                follower.bell.clear()
                await follower.bell.wait()
        finally:
            self._followers.remove(follower)
