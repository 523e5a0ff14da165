"""Holds: what is open under a token or on a connection, so that it ends with either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from p42.model.errors import P42Error


class Ended(P42Error):
    """What the block ran under is no more: a token, a connection, or the door."""


class Holds:
    """Use from the event loop alone."""

    def __init__(self) -> None:
        self._open: dict[Hashable, set[asyncio.Timeout]] = {}

    @asynccontextmanager
    async def under(self, *keys: Hashable, seconds: float | None = None) -> AsyncIterator[None]:
        """The block, until one of `keys` ends or `seconds` are over: it is cancelled then, and
        Ended is raised."""
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                for key in keys:
                    self._open.setdefault(key, set()).add(scope)
                yield
        except TimeoutError:
            if scope.expired():
                raise Ended("the token was revoked or has expired, or p42 is stopping") from None
            raise
        finally:
            for key in keys:
                self._discard(key, scope)

    def end(self, key: Hashable) -> None:
        """End what is open under `key`."""
        now = asyncio.get_running_loop().time()
        for scope in self._open.get(key, ()):
            if not scope.expired():
                scope.reschedule(now)

    def end_all(self) -> None:
        """End everything."""
        for key in list(self._open):
            self.end(key)

    def _discard(self, key: Hashable, scope: asyncio.Timeout) -> None:
        held = self._open.get(key)
        if held is not None:
            held.discard(scope)
            if not held:
                del self._open[key]
