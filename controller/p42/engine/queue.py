"""Queue: which name is looked at next. client-go's workqueue contract, with priorities.

    Fair        names of one priority come out in the order they went in
    Stingy      a name is never handed out twice at once, and added often while it waits comes
                out once
    Level       added while it is being processed, it comes out once more after `done`
    Patient     a delayed name comes out when the earliest wish for it is due

Names only, never events: what happened is found out by looking.
Prior art: client-go util/workqueue/queue.go (dirty and processing sets), controller-runtime
priorityqueue (highest priority, earliest delay).
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import IntEnum

from p42.model.refs import Ref


class Priority(IntEnum):
    """Lower comes out first."""

    USER = 0  # somebody edited or asked
    HEAL = 1  # reality may have changed
    RESYNC = 2  # nothing happened; looked at all the same


class Queue:
    """Of one event loop; not for threads."""

    def __init__(self) -> None:
        # All that have to be handed out, with their priority. Invariant: a name of `_dirty` that is
        # not in `_processing` stands in the lane of its priority, and in no other lane that counts.
        self._dirty: dict[Ref, Priority] = {}
        self._processing: set[Ref] = set()
        self._lanes: dict[Priority, deque[Ref]] = {priority: deque() for priority in Priority}
        self._timers: dict[Ref, asyncio.TimerHandle] = {}
        self._idle: deque[asyncio.Future[None]] = deque()  # workers that wait, oldest first

    def __len__(self) -> int:
        """Names that wait to be handed out."""
        return len(self._dirty)

    def holds(self, ref: Ref) -> bool:
        """Whether `ref` waits to be handed out or is being processed. Delayed ones do not count."""
        return ref in self._dirty or ref in self._processing

    def add(self, ref: Ref, priority: Priority) -> None:
        """Hand `ref` out soon. Already waiting: the more urgent of both priorities holds."""
        known = self._dirty.get(ref)
        if known is not None and known <= priority:
            return
        self._dirty[ref] = priority
        if ref not in self._processing:
            self._lanes[priority].append(ref)
            self._wake_one()

    def add_after(self, ref: Ref, seconds: float, priority: Priority) -> None:
        """Hand `ref` out in `seconds`, or sooner: the earlier of two wishes wins.

        No effect if `ref` already waits. Loop time, never wall time.
        """
        loop = asyncio.get_running_loop()
        timer = self._timers.get(ref)
        if timer is not None and timer.when() <= loop.time() + seconds:
            return
        self.cancel(ref)
        self._timers[ref] = loop.call_later(seconds, self._due, ref, priority)

    def cancel(self, ref: Ref) -> None:
        """Take back `add_after`."""
        if timer := self._timers.pop(ref, None):
            timer.cancel()

    async def get(self) -> tuple[Ref, Priority]:
        """The next name and how urgent it is. The caller owes a `done`.

        Cancelled, it has taken nothing.
        """
        while True:
            if found := self._take():
                return found
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._idle.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                # Woken and cancelled at once: the wake-up was meant for whoever waits next.
                if waiter.done() and not waiter.cancelled():
                    self._wake_one()
                raise

    def done(self, ref: Ref) -> None:
        """Processing has ended; added meanwhile, `ref` waits again."""
        self._processing.discard(ref)
        if (priority := self._dirty.get(ref)) is not None:
            self._lanes[priority].append(ref)
            self._wake_one()

    def close(self) -> None:
        """Drop all timers."""
        for ref in list(self._timers):
            self.cancel(ref)

    def _take(self) -> tuple[Ref, Priority] | None:
        for priority, lane in self._lanes.items():
            while lane:
                ref = lane.popleft()
                # A name that became more urgent left a stale mark in its old lane.
                if self._dirty.get(ref) is priority and ref not in self._processing:
                    del self._dirty[ref]
                    self._processing.add(ref)
                    return ref, priority
        return None

    def _due(self, ref: Ref, priority: Priority) -> None:
        self._timers.pop(ref, None)
        self.add(ref, priority)

    def _wake_one(self) -> None:
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
