"""Scribe: writes the statuses of many files at once, each where it may go. Blocks; one thread.

read     each file as it is
splice   the statuses into its bytes, parsed before and after
stage    the new bytes beside it, unless there is an obstacle
sync     all staged bytes reach the disk at once: one by one, a disk takes 139 a second
swap     for each file: compare and exchange; leases are held for microseconds
settle   sidecars for what could not go inline, and what became of each status

Every step is done for all files before the next is: a processor that goes from the parser to the
kernel and back for each file has forgotten the one when it comes back to the other (a fifth more
time).
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Sequence
from functools import partial

from p42.manifest.write import kernel, obstacles
from p42.manifest.write.clash import Tell
from p42.manifest.write.directories import Directories
from p42.manifest.write.dotdir import directory_of, discard
from p42.manifest.write.draft import Draft, Job, Wanted
from p42.manifest.write.exchange import Clash, swap
from p42.manifest.write.identity import check_spec, number_of, page_of
from p42.manifest.write.kept import KeptFiles
from p42.manifest.write.settling import Settling
from p42.manifest.write.sidecar import Sidecars
from p42.manifest.write.splice import Page
from p42.manifest.write.stage import read_base, stage
from p42.manifest.write.verdict import Gone, Pace, Refused, Wait, Went, in_words
from p42.model.resource import Annotation

_SINGLY = 4  # files that are synced one by one; from there on one sync of the disk is cheaper
_MENDED = 30.0  # s until a full or read-only disk is tried again
_OFTEN = 1.0  # s until a document that was not there as reconciled is looked for again
_TRIES = 5  # then it is given up: its file was changed, and a new status will be on its way
_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR})


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
        drafts = [Draft(job) for job in jobs]
        if self._mode == "inline":
            for step in (self._read, self._splice, partial(self._stage, hurry=hurry)):
                for draft in drafts:
                    self._try(step, draft)
            self._sync([draft for draft in drafts if draft.staged is not None])
            for draft in drafts:
                self._try(self._swap, draft)
        else:
            for draft in drafts:
                draft.refuse_all("asked for by status.write")
        for draft in drafts:
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

    def close(self, *, until: float = math.inf) -> None:
        """The end: drop what is only kept for caution, let go of the directories.

        `until`: monotonic; what there is no time for is left to the next start.
        """
        self.kept.close(until=until)
        self.directories.tidy()
        self.directories.let_go()

    def _try(self, step: Callable[[Draft], None], draft: Draft) -> None:
        """The step, and what its failure means for the statuses that were to go inline."""
        try:
            step(draft)
        except Wait as error:
            draft.wait_all(str(error), error.after)
        except Refused as error:
            draft.refuse_all(str(error))
        except Gone as error:
            for wanted in draft.job.wanted:
                self._gone(draft, wanted, str(error))
        except OSError as error:
            self._failed(draft, error)

    def _read(self, draft: Draft) -> None:
        """The file that its path leads to. What a crash left beside it is seen to first."""
        path = self.directories.real(draft.job.path)
        while draft.base is None:
            self.directories.meet(directory_of(path))
            try:
                draft.base = read_base(path)
            except OSError as error:
                real = os.path.realpath(path)
                if error.errno != errno.ELOOP or real == path:
                    raise
                path = real  # of a link, which is rare: so it is not asked for

    def _splice(self, draft: Draft) -> None:
        if draft.base is None:
            return
        before = page_of(draft.base.path, draft.base.data)
        page = self._page(draft, before, draft.base.path)
        if page is not before:
            draft.data = page.data

    def _stage(self, draft: Draft, *, hurry: bool) -> None:
        base = draft.base
        if base is None or draft.data is None:
            return
        here = self.directories.claim(directory_of(base.path))
        if not (hurry and here.ability.full):
            need = self._pace.settle if here.ability.full else self._pace.quiet
            if left := self._settling.left(base.path, base.found, need):
                raise Wait("it has just been saved", after=left)
        obstacle = self.directories.obstacle(base.path, here)
        if obstacle or obstacles.has_conflict(base.data):
            raise Wait(obstacle or "it has conflict markers")
        draft.staged = stage(here.dot, base, draft.data)

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
                draft.staged.base.found.st_dev: directory_of(draft.staged.path)
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
        here = self.directories.claim(directory_of(staged.base.path))
        if obstacle := self.directories.git_now(here):  # staging and syncing took their time
            discard(staged.path)
            raise Wait(obstacle)
        try:
            swap(staged, here.ability)
        except Gone as error:
            # Looked for once more: that tells whether it is gone for good.
            draft.wait_all(str(error), _OFTEN)
        except Clash as error:
            draft.wait_all(str(error), error.after)
            self.kept.clashed(staged, error, leased=here.ability.lease)
        else:
            draft.wrote = True
            self.kept.add(staged, leased=here.ability.lease)

    def _settle(self, draft: Draft) -> None:
        """Sidecars, and the last word on each status."""
        directory = directory_of(self.directories.real(draft.job.path))
        for wanted in draft.job.wanted:
            ref = wanted.resource.ref
            if ref not in draft.went:
                draft.went[ref] = self._last_word(draft, wanted, directory)
            self.directories.note(directory, ref, there=wanted.body is not None)

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
