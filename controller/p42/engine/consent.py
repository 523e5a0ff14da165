"""Consent: the changes that wait for a person's word, and the word."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from p42.engine.bugs import caught
from p42.engine.desk import Desk
from p42.engine.feed import Feed
from p42.engine.force import Running, runs
from p42.engine.held import Pending
from p42.engine.paths import lies_in
from p42.engine.queue import Priority
from p42.engine.shelf import SECOND_LOOK
from p42.engine.wish import State, Wish
from p42.model.approval import NOTHING, PERSON, Pin, Why
from p42.model.errors import InvalidInput, P42Error
from p42.model.refs import Ref
from p42.model.resource import Resource


class Consent:
    """Works on the wishes as they stand: what is agreed to is what was last read."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def pending(self, refs: Collection[Ref] | None = None) -> tuple[Pending, ...]:
        """The changes of `refs`, None = of all, that wait, sorted."""
        wishes = self._desk.catalog.wishes
        names = sorted(wishes if refs is None else refs)
        found: list[Pending] = []
        for ref in names:
            if wish := wishes.get(ref):
                with caught(f"looking at what {ref} executes") as result:
                    found += await self._of(wish)
                if isinstance(result.error, P42Error):
                    raise result.error  # the disk's, to be told; a bug is told where it reconciles
        return tuple(found)

    def waits(self, resource: Resource) -> bool:
        """Whether that would wait if it stood there. What git has to say is not asked."""
        verdict = self._desk.gate.at_once(Wish(resource, ""))
        return verdict is not None and not verdict.passes

    async def approve(self, digests: Mapping[Ref, str]) -> None:
        """Agree to what has these digests: all of them or none. On disk when this returns.

        Raises InvalidInput for one of which nothing waits, or something else by now.
        """
        waiting = {each.ref: each.digest for each in await self.pending(digests.keys())}
        for ref, digest in sorted(digests.items()):
            name = f"{ref.kind.lower()}/{ref.name}"
            if ref not in waiting:
                raise InvalidInput(f"no change of {name} waits for approval; see: p42 get status")
            if waiting[ref] != digest:
                raise InvalidInput(
                    f"what {name} would run has changed since it was shown, so nothing was "
                    f"approved; look at it again: p42 approve {name}"
                )
        for ref, digest in sorted(digests.items()):
            await self._desk.gate.approvals.approve(ref, digest, by=PERSON)
            self._desk.journal.note(ref, "Approved", f"a person agreed to sha256:{digest[:12]}")
            self._desk.backoff.reset(ref)
            self._desk.queue.add(ref, Priority.USER)

    async def unpin(self, feed: Feed, pins: Collection[Pin]) -> None:
        """Who could write there has left. Its last changes are looked at, and held for good, before
        anything there is trusted again."""
        await feed.survey()
        await asyncio.sleep(2 * SECOND_LOOK)  # what looks like half a save counts only then
        await feed.survey()
        desk = self._desk
        for ref, wish in sorted(desk.catalog.wishes.items()):
            file = wish.resource.place.file
            if ref.kind in desk.kinds and any(lies_in(file, pin.path) for pin in pins):
                with caught(f"looking at what {ref} executes"):
                    await desk.gate.judge(wish)
        for pin in pins:
            await desk.gate.approvals.unpin(*pin)

    async def _of(self, wish: Wish) -> list[Pending]:
        desk, resource, ref = self._desk, wish.resource, wish.resource.ref
        if wish.state is State.GONE or ref.kind not in desk.kinds:
            return []
        verdict = await desk.gate.judge(wish, quiet=0.0)
        after, place = desk.gate.executes(resource), resource.place
        if verdict.why:
            old = desk.gate.stand_in(ref)
            now = Running(b"") if old is None else await runs(desk, old)
            return [Pending(
                ref, verdict.why, verdict.digest, place, now.what, after, verdict.by, now.mishap
            )]  # fmt: skip
        if self._waits_by_itself(resource, verdict.digest):
            stands = desk.kinds[ref.kind].stands is not None
            now = await runs(desk, resource) if stands else Running(b"")
            why: Why = "machine"
            return [Pending(ref, why, verdict.digest, place, now.what, after, mishap=now.mishap)]
        return []

    def _waits_by_itself(self, resource: Resource, digest: str) -> bool:
        """Whether a plan, past the gate, waits for a word: a lock that came in with a manifest."""
        desk, standing = self._desk, self._desk.board.get(resource.ref)
        return (
            standing.status.reason == "NeedsApproval"
            and standing.observed == resource.digest
            and digest != NOTHING
            and desk.gate.let(resource.ref) == digest
            and not desk.gate.approvals.approved(resource.ref, digest)
        )
