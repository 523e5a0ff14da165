"""Reactor: one thread, one selector, timers. Everything in the keeper runs inside a callback."""

from __future__ import annotations

import heapq
import itertools
import selectors
import time
from collections.abc import Callable

Callback = Callable[[], None]
SWEEP = 1024  # timers
RINGS = 16  # timers called before others are heard; a thousand deadlines may end in one moment
IDLE = 3600.0  # s; with nothing to do the keeper sleeps, and wakes once an hour for nothing


class Timer:
    """A callback due once. `cancel` makes it nothing."""

    __slots__ = ("do",)

    def __init__(self, do: Callback) -> None:
        self.do: Callback | None = do

    def cancel(self) -> None:
        """Never call it; no effect if it ran."""
        self.do = None


class Reactor:
    """Calls back when a descriptor is readable or writable, or when a time has come."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._crowded = SWEEP  # timers, from which on cancelled ones are looked for
        self._ended = False

    def readable(self, fd: int, do: Callback) -> None:
        """Call `do` whenever `fd` is readable; replaces what was set for `fd`."""
        self._set(fd, selectors.EVENT_READ, do)

    def both(self, fd: int, do: Callback) -> None:
        """Call `do` whenever `fd` is readable or writable."""
        self._set(fd, selectors.EVENT_READ | selectors.EVENT_WRITE, do)

    def writable(self, fd: int, do: Callback) -> None:
        """Call `do` whenever `fd` is writable, or broken."""
        self._set(fd, selectors.EVENT_WRITE, do)

    def forget(self, fd: int) -> None:
        """Stop looking at `fd`. Has to come before its close; unknown: no effect."""
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def after(self, seconds: float, do: Callback) -> Timer:
        """Call `do` once, in `seconds`."""
        timer = Timer(do)
        if len(self._timers) >= self._crowded:
            self._sweep()
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def _sweep(self) -> None:
        """Cancelled timers go: clients that come and go would leave one each until it is due."""
        self._timers = [each for each in self._timers if each[2].do is not None]
        heapq.heapify(self._timers)
        self._crowded = max(SWEEP, 2 * len(self._timers))

    def end(self) -> None:
        """Let `run` return after the current callback."""
        self._ended = True

    def run(self) -> None:
        """Until `end`."""
        while not self._ended:
            for key, _ in self._selector.select(self._patience()):
                # One callback may have closed the descriptor of the next.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            self._ring()

    def _set(self, fd: int, events: int, do: Callback) -> None:
        if fd in self._selector.get_map():
            self._selector.modify(fd, events, do)
        else:
            self._selector.register(fd, events, do)

    def _patience(self) -> float:
        while self._timers and self._timers[0][2].do is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return IDLE
        return max(0.0, self._timers[0][0] - time.monotonic())

    def _ring(self) -> None:
        now = time.monotonic()  # what a timer sets for at once is due after the next look around
        for _ in range(RINGS):
            if not self._timers or self._timers[0][0] > now:
                return
            timer = heapq.heappop(self._timers)[2]
            do, timer.do = timer.do, None
            if do is not None:
                do()
