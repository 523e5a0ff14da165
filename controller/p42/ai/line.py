"""Line: what calls to one account share: turns, the breaker, and a rest the vendor asked for."""

from __future__ import annotations

from collections.abc import Callable

from p42.ai.breaker import Breaker
from p42.ai.patience import Held
from p42.ai.queue import FairQueue
from p42.model.completion import Cut
from p42.model.errors import Blocked, P42Error, Retry

# s without a word until a provider that took the request counts as down. A model that thinks, or
# one on this machine with a long prompt, takes that long; a caller's own short deadline says
# nothing about the provider.
SILENT = 30.0


class Line:
    """One account's. `changed` is called when what `health` tells of it may be another."""

    def __init__(self, name: str, *, now: Callable[[], float], changed: Callable[[], None]) -> None:
        self._name, self._now, self._changed = name, now, changed
        self.queue = FairQueue()
        self.breaker = Breaker(now)
        self._rest = 0.0  # no call before

    @property
    def rest(self) -> float:
        """Seconds the vendor still wants to be left alone."""
        return max(0.0, self._rest - self._now())

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

    def _failed(self) -> None:
        if self.breaker.failed():
            self._changed()

    def _rests(self, after: float | None) -> None:
        self.answered()
        if after:
            self._rest = max(self._rest, self._now() + after)
            self._changed()
