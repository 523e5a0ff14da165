"""Line: what calls to one account share: turns, its own limits, rests, and the breaker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from p42.ai.accounts.breaker import Breaker
from p42.ai.accounts.patience import Held
from p42.ai.accounts.queue import FairQueue
from p42.model.completion import Cut
from p42.model.errors import Blocked, P42Error, Retry

# s without a word until a provider that took the request counts as down. A model that thinks, or
# one on this machine with a long prompt, takes that long; a caller's own short deadline says
# nothing about the provider.
SILENT = 30.0
LEAST = 1.0  # s; who is held for less is through before anybody has read of it


class Line:
    """One account's. `changed` is called when what `health` tells of it may be another."""

    def __init__(self, name: str, *, changed: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._name, self._now, self._changed = name, self._loop.time, changed
        self.queue = FairQueue()
        self.breaker = Breaker(self._now)
        self._rest = 0.0  # no call before
        self._rate: Mapping[str, Any] = {}
        self._used_up = 0.0  # a limit of our own lets no call like the last one through before
        self._free: asyncio.TimerHandle | None = None  # tells of the end of that
        self._waiting_long = 0  # calls, for their turn

    @property
    def rest(self) -> float:
        """Seconds the vendor still wants to be left alone."""
        return max(0.0, self._rest - self._now())

    @property
    def held(self) -> str:
        """How the account's own rateLimit holds calls up; "" = it does not, or not for long."""
        left = self._used_up - self._now()
        if left >= LEAST:
            return f"its own rateLimit is used up for {left:.0f} s more; wait, or raise it"
        if self._waiting_long:
            return (
                f"{self.queue.waiting} calls wait: {self.queue.out} at a time is what "
                "rateLimit.concurrent lets through"
            )
        return ""

    def limit(self, rate: Mapping[str, Any]) -> None:
        """The spec's rateLimit. Another one than before has held nobody yet."""
        if rate != self._rate:
            self._rate, self._used_up = rate, 0.0

    def use_up(self, seconds: float) -> None:
        """A call was held, or refused, by a limit of our own that lets it through in `seconds`."""
        until, was = self._now() + seconds, self.held
        if seconds < LEAST or until <= self._used_up:
            return
        self._used_up = until
        if self._free is not None:
            self._free.cancel()
        self._free = self._loop.call_at(until, self._changed)
        if not was:
            self._changed()

    async def turn(self, agent: str) -> None:
        """Wait for a turn; `queue.give_back` ends it. Raises Retry (RateLimited) as the queue."""
        if self.queue.take_now():
            return
        long = False

        def tell() -> None:
            nonlocal long
            long = True
            self._wait_long(1)

        timer = self._loop.call_later(LEAST, tell)
        try:
            await self.queue.take(agent)
        finally:
            timer.cancel()
            if long:
                self._wait_long(-1)

    def enter(self) -> None:
        """Before a call goes out. Held while the vendor wants a rest, Down while it is down."""
        if self.rest > 0:
            raise Held(
                f"{self._name}: its provider asked for a rest of {self.rest:.0f} s",
                reason="RateLimited", after=self.rest,
            )  # fmt: skip
        self.breaker.enter(self._name)

    def answered(self) -> None:
        """The provider said something."""
        if self.breaker.passed():
            self._changed()

    def ended(self, error: BaseException, *, said: bool, waited: float) -> None:
        """What was asked failed after `waited` seconds; `said` = something of it had come."""
        match error:
            case Retry() if error.reason == "RateLimited":
                self._rests(error.after)
            case Blocked():
                self.answered()
            case Retry() | Cut() if not said:
                self._failed()
            case P42Error() if not said and waited >= SILENT:
                self._failed()
            case _:
                self.breaker.left_off()

    def _wait_long(self, more: int) -> None:
        was, self._waiting_long = self._waiting_long, self._waiting_long + more
        if not was or not self._waiting_long:
            self._changed()

    def _failed(self) -> None:
        if self.breaker.failed():
            self._changed()

    def _rests(self, after: float | None) -> None:
        self.answered()
        if after:
            self._rest = max(self._rest, self._now() + after)
            self._changed()
