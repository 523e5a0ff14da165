"""Deadline: one end for many waits, each of which it ends for itself.

Guarantees: only who waits inside `within` is cancelled, and only for that wait; a cancellation of
somebody else's goes through untouched. One timer of the loop, however many waits: an answer has
hundreds of pieces, and `asyncio.timeout` would arm one for each.

Prior art: asyncio.Timeout, whose use of `cancelling` and `uncancel` this repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from p42.model.errors import P42Error

T = TypeVar("T")


class Deadline:
    """`at` in loop time. One wait at a time; `late` makes the error of one that took too long."""

    def __init__(self, at: float, late: Callable[[], P42Error]) -> None:
        self.at, self._late = at, late
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._over = False
        self._waits: asyncio.Task[object] | None = None
        self._ended = False  # the wait under way was cancelled by us

    async def within(self, done: Awaitable[T]) -> T:
        """What `done` gives. Raises `late` if it is not there in time; `done` is cancelled then.

        What is there without a wait is there in time.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        before = task.cancelling()
        self._waits, self._ended = task, False
        if self._timer is None:
            self._timer = self._loop.call_at(self.at, self._end)
        elif self._over:  # it found nobody waiting
            self._loop.call_soon(self._end)
        try:
            found = await done
        except BaseException as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            if self._ended and task.uncancel() <= before and cancelled:
                raise self._late() from None
            raise
        finally:
            self._waits = None
        if self._ended:
            task.uncancel()
        return found

    def close(self) -> None:
        """No more waits."""
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        self._over = True
        if self._waits is not None and not self._ended:
            self._ended = True
            self._waits.cancel()
