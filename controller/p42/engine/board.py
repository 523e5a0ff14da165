"""Board: how every name stands now, for those who ask, watch or wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from weakref import WeakSet

from p42.engine.needs import Cause
from p42.engine.view import Planned
from p42.model.plan import Instant
from p42.model.reasons import Mend
from p42.model.refs import Ref
from p42.model.status import Status


@dataclass(frozen=True, slots=True)
class Standing:
    """The last word on one name. `observed`: digest of the spec it speaks of, "" = none yet."""

    status: Status
    mend: Mend
    observed: str
    drift: bool = False
    steps: tuple[Planned, ...] = ()
    cause: Cause | None = None
    attempts: int = 0
    next_try: Instant | None = None
    changed: Instant | None = None  # when ready or reason last changed


NEW = Standing(Status("Unknown", "Observed"), Mend.TIME, "")


class _Watcher:
    """Names that changed since it last looked. Keyed, so it cannot grow beyond them."""

    def __init__(self) -> None:
        self.changed: dict[Ref, None] = {}
        self.bell = asyncio.Event()


class Board:
    """Holds standings; rings for watchers and waiters on each change."""

    def __init__(self) -> None:
        self._standings: dict[Ref, Standing] = {}
        self._watchers: WeakSet[_Watcher] = WeakSet()
        self._waiters: set[asyncio.Event] = set()

    def get(self, ref: Ref) -> Standing:
        """Its standing; NEW if nothing is known."""
        return self._standings.get(ref, NEW)

    def set(self, ref: Ref, standing: Standing) -> bool:
        """Note the standing; True if those who wait for `ref` may see something else now."""
        old = self._standings.get(ref)
        if old == standing:
            return False
        self._standings[ref] = standing
        self.touch([ref])
        return old is None or (old.status.reason, old.mend, old.cause) != (
            standing.status.reason,
            standing.mend,
            standing.cause,
        )

    def drop(self, ref: Ref) -> None:
        """It is gone."""
        self._standings.pop(ref, None)
        self.touch([ref])

    def touch(self, refs: Iterable[Ref]) -> None:
        """Something about `refs` is not as it was."""
        names = dict.fromkeys(refs)
        for watcher in self._watchers:
            watcher.changed.update(names)
            watcher.bell.set()
        self.pulse()

    def pulse(self) -> None:
        """Have all waiters look again."""
        for bell in self._waiters:
            bell.set()

    def changes(self) -> AsyncIterator[Ref]:
        """Names that changed from this call on, coalesced while nobody takes them."""
        watcher = _Watcher()
        self._watchers.add(watcher)
        return _follow(watcher)

    async def wait(self, names: Callable[[], Iterable[Ref]], busy: Callable[[Ref], bool]) -> None:
        """Until none of `names()` is busy."""
        bell = asyncio.Event()
        self._waiters.add(bell)
        try:
            while True:
                open_ = _busy(names(), busy)
                first = next(open_, None)
                if first is None:
                    return
                # One name is asked about until it settles, then the rest: a pulse costs O(1).
                while first is not None:
                    bell.clear()
                    await bell.wait()
                    if not busy(first):
                        first = next(open_, None)
        finally:
            self._waiters.discard(bell)


def _busy(names: Iterable[Ref], busy: Callable[[Ref], bool]) -> Iterator[Ref]:
    return (ref for ref in list(names) if busy(ref))


async def _follow(watcher: _Watcher) -> AsyncIterator[Ref]:
    while True:
        while watcher.changed:
            yield watcher.changed.popitem()[0]
        watcher.bell.clear()
        await watcher.bell.wait()
