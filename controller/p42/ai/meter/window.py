"""Window: requests and tokens of the last stretch of time, so that no stretch of it has too many.

It slides in SLOTS steps: what happened within a step counts until the whole step has left. So a
limit is never exceeded in any stretch, and a caller waits at most one step longer than it must.

`Steady` is the time it goes by: like the wall clock across restarts and sleep of the machine, but
it never goes back, so a clock that is set back neither frees nor freezes a limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from p42.ai.meter.limits import Limits
from p42.model.ports import Clock

SLOTS = 120  # steps of a window: half a second of a minute, six hours of a month
JUMP = 1.0  # s by which the clocks may disagree; more is a sleep, or a clock that was set


class Steady:
    """Seconds since the epoch, about; never back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._monotonic = float(clock.now()), clock.monotonic()
        self._at = self._wall

    def now(self) -> float:
        """Goes on with the monotonic clock; over a sleep or a jump ahead, with the wall clock."""
        wall, monotonic = float(self._clock.now()), self._clock.monotonic()
        step = monotonic - self._monotonic
        if wall - self._wall > step + JUMP:
            step = wall - self._wall
        self._at += step
        self._wall, self._monotonic = wall, monotonic
        return self._at


class Window:
    """`per` seconds of one account. Times come from one Steady."""

    def __init__(self, per: float) -> None:
        self.per = per
        self._step = per / SLOTS
        self._slots: dict[int, list[int]] = {}  # by number, ascending: [requests, tokens]
        self._requests = self._tokens = 0

    @classmethod
    def from_text(cls, text: str | None, per: float, now: float) -> Window:
        """What `text` kept, also under another `per`. What seems to come counts as now."""
        window = cls(per)
        kept: dict[str, Any] = json.loads(text) if text else {"per": per, "slots": []}
        step = kept["per"] / SLOTS
        for number, requests, tokens in kept["slots"]:
            # In steps of another length it counts as late as it can have been.
            at = (number + (0.5 if kept["per"] == per else 1.0)) * step
            window._add(window._number(min(at, now)), requests, tokens)
        window._slots = dict(sorted(window._slots.items()))
        return window

    def text(self) -> str:
        """For `from_text`."""
        slots = [[number, *counts] for number, counts in self._slots.items()]
        return json.dumps({"per": self.per, "slots": slots}, separators=(",", ":"))

    def wait(self, limits: Limits, tokens: int, now: float) -> float:
        """Seconds until one more request of so many tokens fits; 0 = now.

        Assumes that it ever does: `tokens` is not above the limit, and that is not 0.
        """
        current = self._number(now)
        self._leave(current)
        requests, used = self._requests, self._tokens
        leaving = iter(self._slots.items())
        wait = 0.0
        while _is_full(limits, requests + 1, used + tokens):
            number, counts = next(leaving)
            requests, used = requests - counts[0], used - counts[1]
            wait = (number + SLOTS + 1) * self._step - now
        return max(wait, 0.0)

    def add(self, tokens: int, now: float) -> int:
        """Count a request; the slot it is in, for `correct`."""
        number = self._number(now)
        self._add(number, 1, tokens)
        return number

    def correct(self, slot: int, tokens: int, requests: int = 0) -> None:
        """Add to what `slot` holds, or take from it. A slot that has left: no effect."""
        if slot in self._slots:
            self._add(slot, requests, tokens)

    def _add(self, number: int, requests: int, tokens: int) -> None:
        counts = self._slots.setdefault(number, [0, 0])
        counts[0] += requests
        counts[1] += tokens
        self._requests += requests
        self._tokens += tokens

    def _leave(self, current: int) -> None:
        gone: Iterable[int] = [n for n in self._slots if n + SLOTS < current]
        for number in gone:
            requests, tokens = self._slots.pop(number)
            self._requests -= requests
            self._tokens -= tokens

    def _number(self, at: float) -> int:
        return int(at // self._step)


def _is_full(limits: Limits, requests: int, tokens: int) -> bool:
    over = limits.requests is not None and not (requests <= limits.requests)
    return over or (limits.tokens is not None and not (tokens <= limits.tokens))
