"""Scribe: writes the statuses of many files at once, each where it may go. Blocks; one thread.

draft    for each file: read, splice, look for obstacles, stage the new bytes
sync     all staged bytes reach the disk at once: one by one, a disk takes 139 a second
swap     for each file: compare and exchange; leases are held for microseconds
settle   sidecars for what could not go inline, and what became of each status
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from p42.manifest.write import kernel, obstacles
from p42.manifest.write.clash import Tell
from p42.manifest.write.directories import Directories
from p42.manifest.write.dotdir import discard
from p42.manifest.write.exchange import Clash, swap
from p42.manifest.write.identity import check_spec, number_of, page_of
from p42.manifest.write.kept import KeptFiles
from p42.manifest.write.settling import Settling
from p42.manifest.write.sidecar import Sidecars
from p42.manifest.write.splice import Page
from p42.manifest.write.stage import Base, Staged, read_base, stage
from p42.manifest.write.verdict import Gone, Pace, Refused, Wait, Went, in_words
from p42.model.refs import Ref
from p42.model.resource import Annotation, Resource

_SINGLY = 4  # files that are synced one by one; from there on one sync of the disk is cheaper
_MENDED = 30.0  # s until a full or read-only disk is tried again
_OFTEN = 1.0  # s until a document that was not there as reconciled is looked for again
_TRIES = 5  # then it is given up: its file was changed, and a new status will be on its way
_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR})


@dataclass(eq=False, slots=True)
class Wanted:
    """A status on its way. `body` None = take ours out."""

    resource: Resource
    body: Mapping[str, Any] | None
    tries: int = 0  # at which it was not there as reconciled


class Job(NamedTuple):
    """All that is wanted in one file."""

    path: str
    wanted: tuple[Wanted, ...]


@dataclass(slots=True)
class Draft:
    """A job under way. `beside`: why a status must not go inline; `again`: seconds, None = done."""

    job: Job
    beside: dict[Ref, str] = field(default_factory=dict)
    went: dict[Ref, Went] = field(default_factory=dict)
    unfinished: set[Ref] = field(default_factory=set)
    again: float | None = None
    staged: Staged | None = None
    wrote: bool = False

    def wait(self, ref: Ref, why: str, after: float) -> None:
        """That one is tried again."""
        self.went[ref] = Went("waiting", why)
        self.retry(ref, after)

    def retry(self, ref: Ref, after: float) -> None:
        """Come back to that one, wherever it goes meanwhile."""
        self.unfinished.add(ref)
        self.again = after if self.again is None else min(after, self.again)

    def wait_all(self, why: str, after: float) -> None:
        """None of those that are to go inline can now."""
        for ref in self.inline():
            self.wait(ref, why, after)

    def refuse_all(self, why: str, *, retry: float | None = None) -> None:
        """None of those that are to go inline may."""
        for ref in self.inline():
            self.beside[ref] = why
            if retry is not None:
                self.retry(ref, retry)

    def inline(self) -> list[Ref]:
        """Those that are still to go inline."""
        refs = (wanted.resource.ref for wanted in self.job.wanted)
        return [ref for ref in refs if ref not in self.beside and ref not in self.went]


class Scribe:
    """One per home. `tell` hears of late saves."""

    def __init__(self, home: str, *, mode: str, pace: Pace, tell: Tell, durable: bool) -> None:
        self._mode = mode
        self._pace = pace
        self._durable = durable
        self.kept = KeptFiles(pace, tell)
        self.directories = Directories(home, self.kept)
        self._sidecars = Sidecars(home)
        self._settling = Settling()

    def write(self, jobs: Sequence[Job], *, hurry: bool = False) -> list[Draft]:
        """Write each job's file as far as it may be written now. `hurry`: no settling is asked."""
        self.directories.begin()
        self._sidecars.begin()
        drafts = [self._draft(job, hurry=hurry) for job in jobs]
        self._sync([draft for draft in drafts if draft.staged is not None])
        for draft in drafts:
            self._swap(draft)
            self._settle(draft)
        return drafts

    def look(self) -> float | None:
        """Look at displaced files. Seconds until the next look; None if none is left."""
        after = self.kept.look()
        self.directories.tidy()
        return after

    def keeps(self, path: str) -> bool:
        """Whether a displaced version of that file is still kept."""
        return self.kept.has(os.path.realpath(path))

    def close(self) -> None:
        """The end: drop what is only kept for caution, let go of the directories."""
        self.kept.close()
        self.directories.tidy()
        self.directories.let_go()

    def _draft(self, job: Job, *, hurry: bool) -> Draft:
        draft = Draft(job)
        if self._mode != "inline":
            draft.refuse_all("asked for by status.write")
            return draft
        try:
            self._prepare(draft, self._read(job.path), hurry=hurry)
        except Wait as error:
            draft.wait_all(str(error), error.after)
        except Refused as error:
            draft.refuse_all(str(error))
        except Gone as error:
            for wanted in job.wanted:
                self._gone(draft, wanted, str(error))
        except OSError as error:
            self._failed(draft, error)
        return draft

    def _read(self, path: str) -> Base:
        """The file that `path` leads to. What a crash left beside it is seen to first."""
        path = self.directories.real(path)
        while True:
            self.directories.meet(os.path.dirname(path))
            try:
                return read_base(path)
            except OSError as error:
                real = os.path.realpath(path)
                if error.errno != errno.ELOOP or real == path:
                    raise
                path = real  # of a link, which is rare: so it is not asked for

    def _prepare(self, draft: Draft, base: Base, *, hurry: bool) -> None:
        path = base.path
        before = page_of(path, base.data)
        page = self._page(draft, before, path)
        if page is before:
            return
        here = self.directories.claim(os.path.dirname(path))
        if not (hurry and here.ability.full):
            need = self._pace.settle if here.ability.full else self._pace.quiet
            if left := self._settling.left(path, base.found, need):
                raise Wait("it has just been saved", after=left)
        obstacle = self.directories.obstacle(path, here)
        if obstacle or obstacles.has_conflict(base.data):
            raise Wait(obstacle or "it has conflict markers")
        draft.staged = stage(here.dot, base, page.data)

    def _page(self, draft: Draft, page: Page, path: str) -> Page:
        """The page with every status that can go there."""
        for wanted in draft.job.wanted:
            ref = wanted.resource.ref
            try:
                number = number_of(page, wanted.resource)
                if wanted.body is not None:
                    check_spec(page, number, path, wanted.resource)
                asked = wanted.resource.annotations.get(Annotation.STATUS, "inline")
                # Where sidecars, or nothing, are asked for, an older block would only go stale.
                page = page.put(number, wanted.body if asked == "inline" else None)
                if asked != "inline":
                    draft.beside[ref] = f"asked for by {Annotation.STATUS}"
            except Refused as error:
                draft.beside[ref] = str(error)
            except Gone as error:
                self._gone(draft, wanted, str(error))
        return page

    def _sync(self, drafts: list[Draft]) -> None:
        if not self._durable:
            return
        if len(drafts) > _SINGLY:
            paths = {
                draft.staged.base.found.st_dev: os.path.dirname(draft.staged.path)
                for draft in drafts
                if draft.staged is not None
            }
            try:
                for path in paths.values():
                    kernel.sync_file_system(path)
            except OSError:
                pass  # whose bytes it was only shows one by one
            else:
                return
        for draft in drafts:
            if draft.staged is not None:
                try:
                    _sync_one(draft.staged.path)
                except OSError as error:
                    discard(draft.staged.path)
                    draft.staged = None
                    self._failed(draft, error)

    def _swap(self, draft: Draft) -> None:
        staged = draft.staged
        if staged is None:
            return
        here = self.directories.claim(os.path.dirname(staged.base.path))
        try:
            if obstacle := self.directories.git_now(here):  # staging and syncing took their time
                discard(staged.path)
                raise Wait(obstacle)
            swap(staged, here.ability)
        except (Wait, Gone) as error:
            # What is gone is looked for once more: that tells whether it is gone for good.
            draft.wait_all(str(error), getattr(error, "after", _OFTEN))
            if isinstance(error, Clash):
                self.kept.clashed(staged, error, leased=here.ability.lease)
        except Refused as error:
            draft.refuse_all(str(error))
        except OSError as error:
            self._failed(draft, error)
        else:
            draft.wrote = True
            self.kept.add(staged, leased=here.ability.lease)

    def _settle(self, draft: Draft) -> None:
        """Sidecars, and the last word on each status."""
        directory = os.path.dirname(draft.job.path)
        for wanted in draft.job.wanted:
            ref = wanted.resource.ref
            if ref not in draft.went:
                draft.went[ref] = self._last_word(draft, wanted, directory)
        self.directories.note(directory, {w.resource.ref: w.body is not None
                                          for w in draft.job.wanted})  # fmt: skip

    def _last_word(self, draft: Draft, wanted: Wanted, directory: str) -> Went:
        ref = wanted.resource.ref
        why = draft.beside.get(ref)
        asked = wanted.resource.annotations.get(Annotation.STATUS)
        if wanted.body is None or why is None or "none" in (asked, self._mode):
            self._sidecars.drop(self.directories.ours(directory), ref)
            return Went("inline") if why is None else Went("none", why)
        try:
            self._sidecars.put(self.directories.own(directory), ref, draft.job.path, wanted.body)
        except (OSError, ValueError) as error:
            words = in_words(error) if isinstance(error, OSError) else str(error)
            draft.retry(ref, _MENDED)
            return Went("waiting", f"{why}; no sidecar either: {words}")
        return Went("sidecar", why)

    def _gone(self, draft: Draft, wanted: Wanted, why: str) -> None:
        ref = wanted.resource.ref
        wanted.tries += 1
        if wanted.body is None:
            draft.beside[ref] = why
        elif wanted.tries < _TRIES:
            draft.wait(ref, why, _OFTEN)
        else:
            draft.went[ref] = Went("dropped", why)

    def _failed(self, draft: Draft, error: OSError) -> None:
        if error.errno in _PASSING:
            draft.wait_all(in_words(error), _OFTEN)
        else:
            draft.refuse_all(in_words(error), retry=_MENDED)


def _sync_one(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
