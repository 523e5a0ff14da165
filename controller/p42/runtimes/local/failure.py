"""LocalFailure: why the local model does not run, and when it may be tried again.

The first failure costs nothing: who asks next starts it anew. From the second in a row there is a
pause, 1, 2, 4 ... 60 s, and whoever asks meanwhile is told the failure instead.
"""

from __future__ import annotations

from copy import copy

from p42.model.errors import P42Error, Retry

STEADY = 60.0  # s; who has lived so long did not die of its start
MOST_PAUSE = 60.0  # s
_MOST_DOUBLED = 6  # 2**6 s is past the longest pause


class LocalFailure:
    """In monotonic seconds. `row`: failures since it was last well."""

    def __init__(self) -> None:
        self.row = 0
        self._last: P42Error | None = None
        self._until = 0.0

    def note(self, error: P42Error, *, now: float, lived: float) -> None:
        """It could not start (`lived` 0), or died after so many seconds."""
        self.row = 1 if lived >= STEADY else self.row + 1
        pause = min(2.0 ** min(self.row - 2, _MOST_DOUBLED), MOST_PAUSE) if self.row > 1 else 0.0
        self._last, self._until = error, now + pause

    def forget(self) -> None:
        """It ended well."""
        self.row, self._last = 0, None

    def check(self, now: float) -> None:
        """Raises the last failure during its pause, with the seconds left if it is a Retry."""
        left = self._until - now
        if self._last is None or left <= 0:
            return
        if isinstance(self._last, Retry):
            text = f"{self._last}; it is started again in {left:.0f} s at the earliest"
            raise Retry(text, after=left, reason=self._last.reason)
        raise copy(self._last)
