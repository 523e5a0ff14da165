"""Lessons: what vendors would not take, so that it is not offered to them with every message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

LASTS = 3600.0  # s; then it is tried again: a server may be given a larger model of the same name
MOST = 1000  # of either kind; the oldest go

Key = tuple[str | None, str]  # account and model, as they are asked for
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Lesson:
    """`budget` in tokens, None = only the questions `doubted` (by number) were too much."""

    until: float
    budget: int | None
    doubted: frozenset[int]


class Lessons:
    """Of one daemon's life. `now` in monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._budgets: dict[Key, Lesson] = {}
        self._doubted: dict[tuple[str, Key], Lesson] = {}

    def budget(self, key: Key) -> int | None:
        """Tokens of messages that are known to be taken; None = nothing was refused."""
        found = self._budgets.get(key)
        return found.budget if found is not None and self._now() < found.until else None

    def doubted(self, session: str, key: Key) -> frozenset[int]:
        """Questions of a session, by number, that are better left out."""
        found = self._doubted.get((session, key))
        return found.doubted if found is not None and self._now() < found.until else frozenset()

    def learn(self, session: str, key: Key, *, budget: int | None, doubted: frozenset[int]) -> None:
        """So much was taken, after more had been refused. `budget` None = that is not known."""
        lesson = Lesson(self._now() + LASTS, budget, doubted)
        if budget is not None:
            _keep(self._budgets, key, lesson)
        if doubted:
            _keep(self._doubted, (session, key), lesson)


def _keep(kept: dict[K, Lesson], key: K, lesson: Lesson) -> None:
    kept.pop(key, None)
    kept[key] = lesson
    while len(kept) > MOST:
        del kept[next(iter(kept))]
