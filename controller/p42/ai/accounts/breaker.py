"""Breaker: stops asking a provider that is down, and lets one call try now and then.

    closed      asked as usual; FAILURES in a row open it
    open        refused at once, for a while that doubles with each failed try
    half-open   the while is over: one call goes through, the others are still refused

A success from anywhere closes it. Refusing at once is the point: nobody waits two minutes for what
failed five times a moment ago.
"""

from __future__ import annotations

from collections.abc import Callable

from p42.ai.accounts.patience import Down

FAILURES = 5  # in a row; three are one unlucky call with its tries
FIRST, LONGEST = 10.0, 120.0  # s open; a restart of a service takes seconds, an outage minutes


class Breaker:
    """One account's. `now` in monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures = 0
        self._until = 0.0  # when the next try may go through
        self._wait = FIRST
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether it refuses, or would but for a try."""
        return self._failures >= FAILURES

    @property
    def left(self) -> float:
        """Seconds until the next try may go through; 0 = now."""
        return max(0.0, self._until - self._now()) if self.is_open else 0.0

    def enter(self, name: str) -> None:
        """Ask to go through; `passed`, `failed` or `left_off` has to follow.

        Raises Down (ProviderDown) while it refuses. `name` is for the message.
        """
        if not self.is_open:
            return
        left = self.left
        if left > 0 or self._trying:
            raise Down(
                f"{name}: its provider failed {self._failures} times in a row; it is asked again "
                f"{f'in {left:.0f} s' if left > 0 else 'right now'}, or by "
                f"`p42 account check {name.rpartition('/')[2]}`",
                reason="ProviderDown", after=max(left, 1.0),
            )  # fmt: skip
        self._trying = True

    def passed(self) -> bool:
        """It answered, whatever it said. True if that closes an open breaker."""
        was = self.is_open
        self._failures, self._wait, self._trying = 0, FIRST, False
        return was

    def failed(self) -> bool:
        """It did not answer, or only that it cannot. True if that opens or keeps it open."""
        self._failures += 1
        self._trying = False
        if not self.is_open:
            return False
        if self._failures > FAILURES:
            self._wait = min(2 * self._wait, LONGEST)
        self._until = self._now() + self._wait
        return True

    def left_off(self) -> None:
        """The call ended without telling anything of the provider (it was cancelled)."""
        self._trying = False
