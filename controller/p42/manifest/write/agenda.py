"""Agenda: which file is written when. Pure: times come in, in seconds of any one clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from p42.manifest.write.scribe import Draft, Job, Wanted
from p42.manifest.write.verdict import Pace
from p42.model.refs import Ref


@dataclass(slots=True)
class _File:
    wanted: dict[Ref, Wanted] = field(default_factory=dict)
    first: float = 0.0  # when the oldest of them came
    due: float = 0.0


class Agenda:
    """The newest status of each document that is not written yet, by file.

    A file waits until its documents have stopped coming for a moment, so that those which settle
    together are written together; and for its `gap` since the last write.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._files: dict[str, _File] = {}
        self._free: dict[str, float] = {}  # no write to that file before

    def add(self, wanted: Wanted, now: float) -> None:
        """A new status; it takes the place of an older one of the same document."""
        path = wanted.resource.place.file
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = _File(first=now)
        file.wanted[wanted.resource.ref] = wanted
        gather = self._pace.gather if wanted.body is not None else 0.0  # somebody said `delete`
        due = min(now + gather, file.first + self._pace.gather_limit)
        file.due = max(due, self._free.get(path, due))

    def next(self) -> float | None:
        """When the first file is due; None if there is none."""
        return min((file.due for file in self._files.values()), default=None)

    def due(self, now: float, limit: int) -> list[Job]:
        """Up to `limit` files that are due. They stay on the agenda until `done`."""
        due = sorted((file.due, path) for path, file in self._files.items() if file.due <= now)
        return [self._job(path) for _, path in due[:limit]]

    def all(self) -> list[Job]:
        """All of them, due or not."""
        return [self._job(path) for path in self._files]

    def done(self, draft: Draft, now: float) -> None:
        """A job has come back; what came in meanwhile stays."""
        path = draft.job.path
        if draft.wrote:
            self._free = {p: at for p, at in self._free.items() if at > now}
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
            return
        file.first = now
        again = now + (draft.again if draft.again is not None else self._pace.gather)
        file.due = max(again, self._free.get(path, again))

    def _job(self, path: str) -> Job:
        return Job(path, tuple(self._files[path].wanted.values()))
