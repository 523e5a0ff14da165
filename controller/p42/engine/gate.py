"""Gate: whether what a resource would run may run, or waits for a person's word.

    what it runs is what was let through last      passes
    a machine made it                              waits for its digest to be approved: here, or in
                                                   a file of it that git has so at HEAD
    trust: pin, or an agent can write there        every change waits
    trust: follow                                  what git brought waits; an edit by hand passes
    trust: all                                     nothing else waits

Guarantees
- What waits goes on waiting whatever it becomes, also after a restart, until a person approves the
  digest or applies the source, or it is again what was let through last.
- What was let through is in the ledger before its first act. Until then the old version stands in
  for the new one: it runs on, and is healed.
- Digests are of the whole of what runs, sha256. The short digest of a spec tells a person's edits
  apart, not an attacker's.

Assumption: what a kind executes is a matter of its spec and files, never of what its needs publish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from p42.engine.bugs import caught
from p42.engine.paths import lies_in
from p42.engine.records import Records
from p42.engine.specs import Specs
from p42.engine.wish import Wish
from p42.model.approval import NOTHING, PERSON, Approval, Approvals, Pin, Why, digest_of
from p42.model.declared import Sources
from p42.model.kind import AnyKind, Claim, Want
from p42.model.look import SPEC, Traced
from p42.model.plan import Seconds
from p42.model.refs import Ref
from p42.model.resource import Resource

Trust = Literal["all", "follow", "pin"]

QUIET = 1.0  # s; between git's last lock and the move of HEAD lie milliseconds

# A change that was held for a reason goes on waiting while the trust in force knows that reason.
_LASTING: Mapping[str, frozenset[str]] = {
    "all": frozenset({"agent"}),
    "follow": frozenset({"agent", "git"}),
    "pin": frozenset({"agent", "git", "pin"}),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why` it is held, "" = it is not; `again` in seconds, because git is not quiet yet.

    `digest` is of what it would run. `head` is where HEAD is, where that was asked. `by`: who could
    write where it stands, of what is held for that.
    """

    digest: str
    why: Why | Literal[""] = ""
    again: Seconds | None = None
    head: str = ""
    by: str = ""

    @property
    def passes(self) -> bool:
        """Whether it may run."""
        return not self.why and self.again is None


class Gate:
    """Asked before every pass over a name, and told when one went through."""

    def __init__(
        self,
        trust: Trust,
        approvals: Approvals,
        *,
        kinds: Mapping[str, AnyKind],
        specs: Specs,
        records: Records,
        sources: Sources,
    ) -> None:
        """`specs`: one of its own, for it looks at old and new in turn."""
        self.approvals = approvals
        self._trust: Trust = trust
        self._kinds, self._specs = kinds, specs
        self._records, self._sources = records, sources
        self._digests: dict[Ref, tuple[Resource, str]] = {}
        self._promised: dict[Ref, str] = {}  # a person applied it; being written down
        self._quiet: dict[Ref, tuple[tuple[str, str], float]] = {}  # (digest, HEAD), since when

    async def judge(self, wish: Wish, *, quiet: Seconds = QUIET) -> Verdict:
        """Whether `wish` passes. A new reason to wait is on disk when this returns."""
        verdict = self.at_once(wish)
        if verdict is None:
            verdict = await self._judge_git(wish, quiet)
        if verdict.why == "machine":
            await self._told_of(wish.resource)
        elif verdict.why:
            await self.approvals.hold(wish.resource.ref, verdict.why, by=verdict.by)
        return verdict

    def at_once(self, wish: Wish) -> Verdict | None:
        """The verdict where it can be told without asking git; None = it cannot."""
        resource, ref = wish.resource, wish.resource.ref
        entry = self._records.get(ref)
        if entry is not None and entry.let and entry.resource is resource:
            return Verdict(entry.let, head=entry.head)
        digest = self.digest(resource)
        if digest in (NOTHING, self.let(ref)):
            return Verdict(digest, head=entry.head if entry else "")
        claim, agreed = self._claim(resource), self._agreed(digest, resource)
        if not agreed and claim is not None and self._may_speak(claim, digest, resource):
            return None
        return self._by_trust(digest, resource) if agreed else Verdict(digest, "machine")

    async def passed(self, ref: Ref) -> None:
        """What it executes was let through, and stands in the ledger; or it has been taken down."""
        self._quiet.pop(ref, None)
        await self.approvals.settle(ref)

    def forget(self, ref: Ref) -> None:
        """It is gone. What a machine made stays known as such: a crash must not launder it."""
        self._digests.pop(ref, None)
        self._quiet.pop(ref, None)
        self._specs.forget(ref)

    def stand_in(self, ref: Ref) -> Resource | None:
        """What was let through last, and runs on; None = nothing ever was."""
        entry = self._records.get(ref)
        if entry is None or (entry.let is not None and entry.let != self.digest(entry.resource)):
            return None
        return entry.resource

    def executes(self, resource: Resource) -> bytes:
        """What it would run."""
        kind = self._kinds.get(resource.ref.kind)
        return b"" if kind is None else kind.executes(self.want(resource))

    def digest(self, resource: Resource) -> str:
        """The digest of what it would run."""
        known = self._digests.get(resource.ref)
        if known is not None and known[0] is resource:
            return known[1]
        digest = digest_of(self.executes(resource))
        self._digests[resource.ref] = resource, digest
        return digest

    def want(self, resource: Resource) -> Want[Any]:
        """It as its kind sees it, without what others publish."""
        return self._specs.want(resource, {})

    async def give(self, wishes: Iterable[Wish], *, later: bool = False) -> None:
        """A person applied these: what waits for no more than that passes. At once in memory.

        `later`: this was read some time after they said so. What an agent may have written in
        between is none of what they meant.
        """
        waiting: dict[Ref, str] = {}
        for wish in wishes:
            # A spec that cannot be typed is a bug, told where it is reconciled.
            with caught(f"looking at what {wish.resource.ref} executes"):
                if self._would_wait(wish) and not (later and self._pin_on(wish.resource)):
                    waiting[wish.resource.ref] = self.digest(wish.resource)
        self._promised |= waiting
        try:
            if waiting:
                await self.approvals.release(waiting)
        finally:
            for ref in waiting:
                self._promised.pop(ref, None)

    def _would_wait(self, wish: Wish) -> bool:
        """Whether a word of the person could make a difference."""
        verdict = self.at_once(wish)
        return verdict is None or verdict.why not in ("", "machine")

    def let(self, ref: Ref) -> str | None:
        """The digest of what was let through last; None = nothing was."""
        entry = self._records.get(ref)
        if entry is None or entry.let is not None:
            return entry.let if entry else None
        # Written before there was a gate: what stood there had run.
        return digest_of(self.executes(entry.resource))

    def _claim(self, resource: Resource) -> Claim | None:
        """What it tells of a machine that made it."""
        return self._kinds[resource.ref.kind].claim(self.want(resource))

    def _agreed(self, digest: str, resource: Resource) -> bool:
        """Whether it is no machine's, or somebody agreed to it."""
        known, claim = self.approvals.get(resource.ref), self._claim(resource)
        if not known.machine and claim is None:
            return True
        if any(grant.digest == digest for grant in known.grants):
            return True
        # What nobody here ever marked came with its manifest, which is a person's.
        auto = known.auto or not known.machine
        return auto and self._kinds[resource.ref.kind].unasked(self.want(resource).spec)

    def _may_speak(self, claim: Claim, digest: str, resource: Resource) -> bool:
        """Whether the approval in its own file is for this, and no agent can have written it."""
        held = self.approvals.get(resource.ref).held
        return claim.digest == digest and held != "agent" and self._pin_on(resource) is None

    async def _told_of(self, resource: Resource) -> None:
        """A machine's change waits. What only the thing itself tells is written down."""
        ref = resource.ref
        if self._claim(resource) is None:
            return
        if pin := self._pin_on(resource):  # when the agent has left, git still has what it wrote
            await self.approvals.hold(ref, "agent", by=pin.who)
        if not self.approvals.machine_made(ref):
            await self.approvals.mark(ref, auto=True)

    def _by_trust(self, digest: str, resource: Resource) -> Verdict | None:
        """On a change that is no machine's, or was agreed to; None = git has to be asked."""
        known = self.approvals.get(resource.ref)
        if digest in (known.released, self._promised.get(resource.ref)):
            return Verdict(digest)
        if why := self._waits(known, digest, resource):
            pin = self._pin_on(resource)
            by = known.by or (pin.who if pin else "")
            return Verdict(digest, why, by=by if why == "agent" else "")
        ask = self._trust == "follow" and not _by_person(known, digest)
        return None if ask else Verdict(digest)

    def _pin_on(self, resource: Resource) -> Pin | None:
        """One on whose account every change of it waits; None = nobody may write there."""
        pins = self.approvals.pinned_by()
        return next((pin for pin in pins if lies_in(resource.place.file, pin.path)), None)

    def _waits(self, known: Approval, digest: str, resource: Resource) -> Why | Literal[""]:
        """Why any change of it waits now; "" = not any."""
        if self._pin_on(resource) is not None:
            return "agent"
        if self._trust == "pin":
            return "pin"
        if known.held in _LASTING[self._trust] and not (
            known.held == "git" and _by_person(known, digest)
        ):
            return known.held
        return ""

    async def _judge_git(self, wish: Wish, quiet: Seconds) -> Verdict:
        """Does git have the approval that a file of it tells of? And did git bring the change?"""
        resource, ref = wish.resource, wish.resource.ref
        digest = self.digest(resource)
        found = await asyncio.to_thread(self._sources.traced, resource)
        if found.busy:
            self._quiet.pop(ref, None)
            return Verdict(digest, again=QUIET)
        if left := self._until_quiet(ref, (digest, found.head), quiet if found.head else 0.0):
            return Verdict(digest, again=left)
        if not self._agreed(digest, resource) and not self._vouched(digest, resource, found):
            return Verdict(digest, "machine", head=found.head)
        if verdict := self._by_trust(digest, resource):
            return replace(verdict, head=found.head)
        why: Why | Literal[""] = "git" if self._brought(resource, found) else ""
        return Verdict(digest, why, head=found.head)

    def _vouched(self, digest: str, resource: Resource, found: Traced) -> bool:
        """Whether git has the file that says so, to the byte. Looked at anew: that took a while."""
        claim = self._claim(resource)
        if claim is None or not self._may_speak(claim, digest, resource):
            return False
        return bool(found.head) and claim.file in found.exact

    def _until_quiet(self, ref: Ref, state: tuple[str, str], quiet: Seconds) -> Seconds:
        """Seconds until `state` will have stood for `quiet`; 0 = it has."""
        now = asyncio.get_running_loop().time()
        old, since = self._quiet.get(ref, (None, now))
        if old != state:
            since = now
        self._quiet[ref] = state, since
        return max(0.0, since + quiet - now)

    def _brought(self, resource: Resource, found: Traced) -> bool:
        """HEAD moved since something of it was let through, and a changed part is HEAD's."""
        entry = self._records.get(resource.ref)
        if entry is None:
            return bool(found.equal)
        if found.head and found.head == entry.head:
            return False
        old = entry.resource
        changed = {name for name, data in resource.files.items() if old.files.get(name) != data}
        changed |= {SPEC} if old.spec != resource.spec else set()
        return bool(changed & found.equal)


def _by_person(known: Approval, digest: str) -> bool:
    return any(grant.digest == digest and grant.by == PERSON for grant in known.grants)
