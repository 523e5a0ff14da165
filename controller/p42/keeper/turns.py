"""Turns: who has sent several requests at once waits in line for each but the first.

In a turn of the loop SHARE requests of those in line are begun, one of each client and again from
the first: a client that asks a single thing is held up by so many at most, whatever the others have
sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

SHARE = 8  # begun in one turn; 20 to 50 us each, and as much again to answer: half a millisecond


class Turns:
    """Of the clients of one door, in one thread. `soon` has something called in the next turn."""

    def __init__(self, soon: Callable[[Callable[[], None]], object]) -> None:
        self._soon = soon
        self._line: deque[Callable[[], None]] = deque()
        self._armed = False

    def wait(self, begin: Callable[[], None]) -> None:
        """Have `begin` called when it is its turn; it may get in line again."""
        self._line.append(begin)
        self._arm()

    def _arm(self) -> None:
        if self._line and not self._armed:
            self._armed = True
            self._soon(self._next)

    def _next(self) -> None:
        for _ in range(SHARE):
            if self._line:
                self._line.popleft()()  # it may get in line again, behind the others
        self._armed = False
        self._arm()
