"""Backoff: how long a name that fails is left alone. One second doubling to sixty, with jitter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from p42.model.refs import Ref

FIRST = 1.0  # s; a person who watches sees the second try
LAST = 60.0  # s; a person who has mended the cause waits no longer than this
SPREAD = 0.2  # +-; so that a hundred names that failed together do not try together


@dataclass(slots=True)
class _Failures:
    count: int
    until: float  # loop time


class Backoff:
    """Counts failures per name. Loop time, never wall time."""

    def __init__(self, random: Callable[[], float]) -> None:
        """`random`: a float in [0, 1)."""
        self._random = random
        self._failures: dict[Ref, _Failures] = {}

    def failed(self, ref: Ref, now: float, *, after: float | None = None) -> float:
        """Count a failure; answers with the seconds to wait. `after`: what the failure asked for.

        Counted even when `after` is given: a provider that says "one second" for an hour is asked
        no more often than one that says nothing.
        """
        count = self.attempts(ref) + 1
        own = min(FIRST * 2.0 ** min(count - 1, 10), LAST)
        own *= 1.0 + SPREAD * (2.0 * self._random() - 1.0)
        delay = own if after is None else max(after, own if count > 3 else 0.0)
        self._failures[ref] = _Failures(count, now + delay)
        return delay

    def attempts(self, ref: Ref) -> int:
        """Failed tries since the last success or change."""
        failures = self._failures.get(ref)
        return failures.count if failures else 0

    def left(self, ref: Ref, now: float) -> float:
        """Seconds for which `ref` is still to be left alone; 0.0 = none."""
        failures = self._failures.get(ref)
        return max(0.0, failures.until - now) if failures else 0.0

    def reset(self, ref: Ref) -> None:
        """It succeeded, its inputs changed, or somebody asked for it."""
        self._failures.pop(ref, None)
