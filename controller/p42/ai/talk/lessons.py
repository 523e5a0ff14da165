"""Lessons: what vendors would not take, so that it is not offered to them with every message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

LASTS = 3600.0  # s; then it is tried again: a server may be given a larger model of the same name
MOST = 1000  # of either kind; the oldest go

Key = tuple[str, str, str]  # an account, its vendor and a model
K = TypeVar("K")
V = TypeVar("V")


class Lessons:
    """Of one daemon's life. `now` in monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._rooms = _Kept[Key, int](now)
        self._doubted = _Kept[tuple[str, Key], frozenset[int]](now)

    def room(self, key: Key) -> int | None:
        """Tokens of a whole prompt that are known to be taken; None = nothing was refused."""
        return self._rooms.get(key)

    def doubted(self, session: str, key: Key) -> frozenset[int]:
        """Questions of a session, by number, that are better left out."""
        return self._doubted.get((session, key)) or frozenset()

    def took(self, key: Key, room: int) -> None:
        """A prompt of so many tokens was taken, after a larger one had been refused."""
        self._rooms.put(key, room)

    def doubt(self, session: str, key: Key, numbers: frozenset[int]) -> None:
        """Without these it was taken."""
        self._doubted.put((session, key), numbers)


class _Kept(Generic[K, V]):
    """Values for LASTS each, MOST of them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V | None:
        until, value = self._kept.get(key, (0.0, None))
        return value if self._now() < until else None

    def put(self, key: K, value: V) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (self._now() + LASTS, value)
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
