"""Reconcile: one pass over one name, from its wish to its standing.

Everything that is the engine's and never a plan's is decided here: paused, waiting, heal: warn,
the ledger before the first act, back-off, and what of the outcome others get to know.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from p42.engine.bugs import caught
from p42.engine.converge import Found, Thing, converge, look
from p42.engine.desk import Desk
from p42.engine.force import runs
from p42.engine.gate import Verdict
from p42.engine.held import after, held_status
from p42.engine.herald import Herald, News
from p42.engine.needs import root_cause
from p42.engine.outcome import checked, mend_after, status_of
from p42.engine.queue import Priority
from p42.engine.shelf import SECOND_LOOK
from p42.engine.specs import Typed
from p42.engine.teardown import Teardown
from p42.engine.view import Planned
from p42.engine.wish import State, Wish
from p42.model.errors import Blocked, Retry
from p42.model.kind import Published, Want
from p42.model.plan import Instant, name_of
from p42.model.reasons import PASSING, Mend
from p42.model.refs import Ref
from p42.model.resource import Annotation
from p42.model.status import Status, in_progress

FORGET_AGAIN = 5.0  # s; the disk was full, nobody waits for it


@dataclass(frozen=True, slots=True)
class Case:
    """One pass over a name: what is acted on, and the change of it that waits, None = none does.

    While one waits `wish` has what was let through last; its status speaks of `digest`, the new.
    """

    wish: Wish
    digest: str
    verdict: Verdict
    held: Status | None = None


class Reconciler:
    """Called with one name at a time by each worker, never twice at once with the same."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._herald = Herald(desk)
        self._teardown = Teardown(desk, self._herald)
        # What a name was blocked on. Our own failed act may wake us: that must not be a loop.
        self._tried: dict[Ref, Any] = {}
        self._blocked: dict[Ref, Any] = {}

    async def reconcile(self, ref: Ref, priority: Priority) -> None:
        """One pass. Raises nothing but cancellation."""
        desk = self._desk
        wish = desk.catalog.wishes.get(ref)
        if wish is None:
            await self._forget(ref)
            return
        if desk.catalog.undecided(ref):
            # Absent on one look, or perhaps half a save: hands off until the second, or what is
            # about to be taken down or rewritten would be mended first.
            desk.queue.add_after(ref, SECOND_LOOK, priority)
            return
        now = asyncio.get_running_loop().time()
        if priority is Priority.USER:
            desk.backoff.reset(ref)
        elif left := desk.backoff.left(ref, now):
            desk.queue.add_after(ref, left, Priority.HEAL)
            return
        self._tried.pop(ref, None)
        with caught(f"reconciling {ref}") as result:
            if wish.state is State.GONE:
                self._blocked.pop(ref, None)
                await self._teardown.take_down(wish)
            else:
                await self._uphold(wish, priority)
        if result.error is not None:
            self._failed(wish, result.error)

    async def _forget(self, ref: Ref) -> None:
        """What is left of a name that was taken down: its entry in the ledger."""
        with caught(f"forgetting {ref}") as result:
            await self._desk.records.forget(ref)
            await self._desk.gate.passed(ref)  # whoever bears the name next has nothing waiting
        if result.error is not None:
            self._desk.queue.add_after(ref, FORGET_AGAIN, Priority.RESYNC)

    async def _uphold(self, wish: Wish, priority: Priority) -> None:
        desk, resource, ref = self._desk, wish.resource, wish.resource.ref
        if ref.kind not in desk.kinds:
            raise Blocked(f"this p42 knows no kind {ref.kind}")
        case = await self._judged(wish)
        if case is None:
            return
        wish, resource = case.wish, case.wish.resource
        typed = desk.specs.typed(resource)
        desk.needs.set(ref, typed.needs)
        published = desk.needs.published(ref, spared=lambda: desk.specs.spared(resource))
        if published is None:
            self._waits(case)
            return
        want = desk.specs.want(resource, published)
        thing = Thing(ref, desk.kinds[ref.kind], desk.drivers[ref.kind], want)
        found = await look(thing, desk.clock.now)
        if hold := self._hands_off(wish, found):
            paused = hold.reason == "Paused"
            self._conclude(case, thing, found, hold if paused else case.held or hold)
            return
        before = self._tried[ref] = (
            typed.digest,
            published,
            found.plan.steps,
            _still(thing, found),
        )
        if priority is Priority.HEAL and found.plan.steps and self._blocked.get(ref) == before:
            return
        found = await self._make_so(case, typed, thing, found)
        self._blocked.pop(ref, None)
        desk.backoff.reset(ref)
        self._conclude(case, thing, found, case.held)
        if _warns(wish) and found.plan.status.ready == "True":
            await desk.records.reached(ref, typed.digest)

    async def _judged(self, wish: Wish) -> Case | None:
        """What may be acted on. None = a change waits, told of, and nothing of old runs on."""
        desk, resource, ref = self._desk, wish.resource, wish.resource.ref
        verdict = await desk.gate.judge(wish)
        if verdict.passes:
            return Case(wish, resource.digest, verdict)
        if verdict.again is not None:
            desk.queue.add_after(ref, verdict.again, Priority.HEAL)
        old = desk.gate.stand_in(ref)
        # Not what was let through: a version may have failed its tests, and nothing be there.
        runs_on = bool(old is not None and verdict.why and (await runs(desk, old)).what)
        held = held_status(ref, verdict, runs_on=runs_on)
        if old is not None:
            return Case(replace(wish, resource=old), resource.digest, verdict, held)
        if desk.records.paused(wish):
            held = Status("Unknown", "Paused")
        desk.needs.set(ref, desk.specs.typed(resource).needs)
        self._herald.publish(ref, None)
        self._herald.post(ref, News(held, mend_after(held, 0), resource.digest, drift=True))
        return None

    async def _make_so(self, case: Case, typed: Typed, thing: Thing, found: Found) -> Found:
        desk, ref = self._desk, thing.ref
        begun = found.drift or found.plan.status.ready == "True"
        if case.held is None and (begun or desk.records.get(ref) is not None):
            let, head = case.verdict.digest, case.verdict.head
            await desk.records.record(case.wish, typed.needs, let=let, head=head)
            await desk.gate.passed(ref)
        if not found.plan.steps:
            return found
        steps = _planned(ref, found)
        status = in_progress(steps[0].detail)
        self._herald.post(ref, News(status, Mend.TIME, case.digest, steps, drift=True))
        return await converge(
            thing, found, desk.clock.now,
            did=lambda step: desk.journal.note(ref, name_of(step), step.detail),
        )  # fmt: skip

    def _waits(self, case: Case) -> None:
        """A need publishes nothing. What is already there is left alone."""
        desk, ref = self._desk, case.wish.resource.ref
        if desk.records.paused(case.wish):
            news = News(Status("Unknown", "Paused"), Mend.USER, case.digest)
        elif case.held is not None:
            news = News(case.held, mend_after(case.held, 0), case.digest, drift=True)
        else:
            cause = root_cause(ref, desk.needs, self._standing)
            why = desk.board.get(cause.ref).status.text
            message = f"{cause} ({why})" if why else str(cause)
            status = Status("False", "Waiting", message=message, template=str(cause))
            news = News(status, cause.mend, case.digest, cause=cause)
        self._herald.publish(ref, None)
        self._herald.post(ref, news)

    def _standing(self, ref: Ref) -> tuple[Status, Mend] | None:
        if ref not in self._desk.catalog.wishes:
            return None
        standing = self._desk.board.get(ref)
        return standing.status, standing.mend

    def _hands_off(self, wish: Wish, found: Found) -> Status | None:
        """The status of a thing that is watched and not changed; None = it may be changed."""
        desk, ref = self._desk, wish.resource.ref
        if desk.records.paused(wish):
            return Status("Unknown", "Paused", facts=found.plan.status.facts)
        entry = desk.records.get(ref)
        once = entry is not None and entry.reached == wish.resource.digest
        if _warns(wish) and once and found.plan.steps and ref not in desk.forced:
            message = f"needs {name_of(found.plan.steps[0])}: {found.plan.steps[0].detail}"
            return Status("False", "Drifted", message=message, facts=found.plan.status.facts)
        return None

    def _conclude(self, case: Case, thing: Thing, found: Found, hold: Status | None) -> None:
        """Tell what the pass came to. `hold`: why nothing was done about it."""
        desk, ref = self._desk, thing.ref
        desk.forced.discard(ref)  # asked once, done once, and not kept for a later drift
        ready = checked(found.plan.status, in_sync=not found.drift).ready == "True"
        passes = found.plan.status.reason in PASSING and not found.drift
        facts = _publish(thing, found) if ready or passes else None
        self._herald.publish(ref, facts)
        if hold is not None and hold is case.held and thing.want is not None:
            hold = after(thing.kind.mishap(thing.want, found.seen), hold)
        status = self._overlaid(ref, hold or found.plan.status)
        self._herald.post(ref, News(
            status, mend_after(status, 0), case.digest, _planned(ref, found),
            drift=found.drift or case.held is not None,
        ))  # fmt: skip
        if found.plan.again is not None:
            desk.queue.add_after(ref, found.plan.again, Priority.HEAL)

    def _overlaid(self, ref: Ref, status: Status) -> Status:
        """What the files say of a thing that is itself well."""
        wish = self._desk.catalog.wishes.get(ref)
        if wish is None or status.ready != "True":
            return status
        if wish.state is State.HELD:
            message = f"gone from {wish.source} with too much else; `p42 apply --prune` if meant"
            return Status("False", "Held", message=message)
        if wish.state in (State.BROKEN, State.DUPLICATE) and wish.findings:
            first = wish.findings[0]
            message = f"{first.file}:{first.line}:{first.column}: {first.message}"
            return Status("False", "Invalid", message=f"{message}; the last good one runs on")
        return status

    def _failed(self, wish: Wish, error: Exception) -> None:
        desk, ref = self._desk, wish.resource.ref
        next_try: Instant | None = None
        if isinstance(error, Blocked):
            if ref in self._tried:
                self._blocked[ref] = self._tried[ref]
        else:
            after = error.after if isinstance(error, Retry) else None
            now = asyncio.get_running_loop().time()
            delay = desk.backoff.failed(ref, now, after=after)
            desk.queue.add_after(ref, delay, Priority.HEAL)
            next_try = Instant(desk.clock.now() + delay)
        if not isinstance(error, Retry):  # what passes by itself does not make others wait
            self._herald.publish(ref, None)
        old, status = desk.board.get(ref), status_of(error, ref)
        self._herald.post(ref, News(
            status, mend_after(status, desk.backoff.attempts(ref)), wish.resource.digest,
            old.steps, drift=old.drift, next_try=next_try,
        ))  # fmt: skip


def _warns(wish: Wish) -> bool:
    return wish.resource.annotations.get(Annotation.HEAL) == "warn"


def _planned(ref: Ref, found: Found) -> tuple[Planned, ...]:
    return tuple(Planned(ref, name_of(step), step.detail) for step in found.plan.steps)


def _publish(thing: Thing, found: Found) -> Published:
    want: Want[Any] | None = thing.want
    assert want is not None  # noqa: S101 - only things that shall be there publish
    return Published(thing.kind.publish(want, found.seen))


def _still(thing: Thing, found: Found) -> Any:
    """What was seen, without what changes by itself."""
    seen = found.seen
    if not is_dataclass(seen):
        return seen
    kept = (f.name for f in fields(seen) if f.name not in thing.kind.volatile)
    return tuple(getattr(seen, name) for name in kept)
