"""Agenda: which file is written when. Pure: times come in, in seconds of any one clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from p42.manifest.write.draft import Draft, Job, Wanted
from p42.manifest.write.verdict import Pace
from p42.model.refs import Ref

MANY = 64  # files; that many at once are somebody's `apply`, fewer are written at their own pace


@dataclass(slots=True)
class _File:
    wanted: dict[Ref, Wanted] = field(default_factory=dict)
    first: float = 0.0  # when the oldest of them came
    due: float = 0.0


class Agenda:
    """The newest status of each document that is not written yet, by file.

    A file waits until its documents have stopped coming for a moment, so that those which settle
    together are written together; and for its `gap` since the last write. Many files wait while a
    burst of statuses lasts: to write a thousand takes a second of the processor, and whoever
    applied them waits for what is made real, not for that.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._files: dict[str, _File] = {}
        self._free: dict[str, float] = {}  # no write to that file before
        self._hurried: set[str] = set()  # somebody said `delete`, and waits for these
        self._began = self._latest = -math.inf  # the last burst of statuses

    def add(self, wanted: Wanted, now: float) -> None:
        """A new status; it takes the place of an older one of the same document."""
        path = wanted.resource.place.file
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = _File(first=now)
        file.wanted[wanted.resource.ref] = wanted
        gather = self._pace.gather
        if wanted.body is None:
            gather = 0.0
            self._hurried.add(path)
        if now - self._latest > self._pace.gather:
            self._began = now
        self._latest = now
        due = min(now + gather, file.first + self._pace.gather_limit)
        file.due = max(due, self._free.get(path, due))

    def next(self, now: float) -> float | None:
        """When to ask what is due; None if nothing waits. In a burst no file is looked at."""
        if (held := self._held_until()) > now:
            return held
        return min((file.due for file in self._files.values()), default=None)

    def due(self, now: float, limit: int) -> list[Job]:
        """Up to `limit` files that are due. They stay on the agenda until `done`."""
        if self._held_until() > now:
            return []
        self._free = {path: at for path, at in self._free.items() if at > now}
        due = sorted((file.due, path) for path, file in self._files.items() if file.due <= now)
        return [self._job(path) for _, path in due[:limit]]

    def all(self) -> list[Job]:
        """All of them, due or not."""
        return [self._job(path) for path in self._files]

    def done(self, draft: Draft, now: float) -> None:
        """A job has come back; what came in meanwhile stays."""
        path = draft.job.path
        if draft.wrote:
            self._free[path] = now + self._pace.gap
        file = self._files.get(path)
        if file is None:
            return
        for wanted in draft.job.wanted:
            ref = wanted.resource.ref
            if file.wanted.get(ref) is wanted and ref not in draft.unfinished:
                del file.wanted[ref]
        if not file.wanted:
            del self._files[path]
            self._hurried.discard(path)
            return
        file.first = now
        again = now + (draft.again if draft.again is not None else self._pace.gather)
        file.due = max(again, self._free.get(path, again))

    def _held_until(self) -> float:
        """The end of the burst as far as can be told by now; in the past if there is none."""
        if len(self._files) < MANY or self._hurried:
            return -math.inf
        return min(self._latest + self._pace.gather, self._began + self._pace.burst)

    def _job(self, path: str) -> Job:
        return Job(path, tuple(self._files[path].wanted.values()))
