"""Voices: the right to speak in a session: one at a time, the others wait, first come first served.

Whoever speaks is silenced when the session is deleted: what is still to come of the answer would
be kept nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from p42.model.errors import P42Error, TimedOut

T = TypeVar("T")


class Voices:
    """Of one event loop."""

    def __init__(self) -> None:
        self._voices: dict[str, Voice] = {}

    @asynccontextmanager
    async def speaking(self, session: str, seconds: float) -> AsyncIterator[Voice]:
        """Wait for the right, and have it. TimedOut after `seconds`."""
        voice = self._voices.setdefault(session, Voice(session))
        voice.users += 1
        try:
            await voice.take(seconds)
            try:
                yield voice
            finally:
                voice.give()
        finally:
            voice.users -= 1
            if not voice.users:
                del self._voices[session]

    def silence(self, session: str) -> None:
        """Break off whoever speaks. Never blocks; who waits speaks in a new session of that id."""
        voice = self._voices.get(session)
        if voice is not None:
            voice.silence()


class Voice:
    """Of one session; `users` have it or want it."""

    def __init__(self, session: str) -> None:
        self.users = 0
        self._session = session
        self._lock = asyncio.Lock()
        self._silenced = False
        self._waiting: asyncio.Timeout | None = None  # for the next piece

    async def take(self, seconds: float) -> None:
        """Wait for the right. TimedOut after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._lock.acquire()
        except TimeoutError:
            raise TimedOut(
                f"session {self._session}: somebody else was still speaking in it"
            ) from None
        self._silenced = False

    def give(self) -> None:
        """The next may speak."""
        self._lock.release()

    def silence(self) -> None:
        """No more is heard of whoever speaks now."""
        self._silenced = self._lock.locked()
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def heard(self, pieces: AsyncGenerator[T]) -> AsyncGenerator[T]:
        """Every piece as it comes, until the end or until silenced: then P42Error."""
        while not self._silenced:
            try:
                async with asyncio.timeout(None) as self._waiting:
                    piece = await anext(pieces, None)
            except (TimeoutError, P42Error):
                if not self._silenced:
                    raise
                break
            finally:
                self._waiting = None
            if piece is None:
                return
            if not self._silenced:
                yield piece
        raise P42Error(
            f"session {self._session} was deleted while it was answered: the answer broke off, and "
            "nothing of it is kept"
        )
