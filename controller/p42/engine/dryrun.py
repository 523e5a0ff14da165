"""Dry run: the steps that an apply would take, by the same plans, without an act.

Reality is observed once; from there on `predict` and `finish` play the acts. What a thing needs
is played first, so its users plan with what it will publish.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from p42.engine.converge import Found, Thing, look
from p42.engine.desk import Desk
from p42.engine.force import runs
from p42.engine.gate import Verdict
from p42.engine.held import held_status
from p42.engine.needs import Needs
from p42.engine.outcome import status_of
from p42.engine.records import deletion_of
from p42.engine.view import Forecast, Planned, Unready
from p42.engine.wish import State, Wish
from p42.model.errors import Blocked, Retry
from p42.model.kind import Published
from p42.model.plan import Outcome, name_of
from p42.model.reasons import PASSING
from p42.model.refs import Ref
from p42.model.resource import Annotation
from p42.model.status import Status

ROUNDS = 10  # steps, work, steps on its result ...; the laws end far below

PAUSED = Status("Unknown", "Paused")

ANY_WORK = Outcome(work="", ok=True, detail="dry run")  # "" = whatever is in flight


class DryRun:
    """Plays on a desk of its own: catalog, specs and needs are copies that may be spoilt."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._needs = Needs()
        self._unready: dict[Ref, Status] = {}

    async def forecast(self, chosen: Collection[Ref]) -> Forecast:
        """Steps for `chosen`: users go before what they use, then come up after it."""
        wishes = self._desk.catalog.wishes
        up = self._learn_needs(ref for ref in chosen if ref in wishes)
        planned: list[Planned] = []
        down = [ref for ref in wishes if wishes[ref].state is State.GONE and ref in chosen]
        for ref in reversed(list(_in_order(sorted(down), self._desk.needs))):
            planned += await self._down(wishes[ref])
        for ref in _in_order(sorted(up), self._needs):
            steps = await self._up(wishes[ref])
            planned += steps if ref in chosen else []
        unready = (Unready(r, self._unready[r]) for r in sorted(self._unready) if r in chosen)
        return Forecast(tuple(planned), tuple(unready))

    def _learn_needs(self, refs: Iterable[Ref]) -> set[Ref]:
        """`refs` that shall be there, and all that they need."""
        desk, found, open_ = self._desk, set[Ref](), list(refs)
        while open_:
            ref = open_.pop()
            wish = desk.catalog.wishes.get(ref)
            if ref in found or wish is None or wish.state is State.GONE:
                continue
            if ref.kind in desk.kinds:
                found.add(ref)
                needs = desk.specs.typed(self._acted_on(wish)[0].resource).needs
                self._needs.set(ref, needs)
                open_ += needs
        return found

    async def _up(self, wish: Wish) -> list[Planned]:
        """Play one wish. A thing that would wait, is paused or only told about takes no step."""
        desk, ref = self._desk, wish.resource.ref
        wish, verdict = self._acted_on(wish)
        old = None if verdict is None else desk.gate.stand_in(ref)
        try:
            runs_on = old is not None and (await runs(desk, old)).what != b""
        except (Retry, Blocked) as error:
            self._tell(ref, status_of(error, ref))
            return []
        held = None if verdict is None else held_status(ref, verdict, runs_on=runs_on)
        if held is not None and old is None:
            self._tell(ref, held)
            return []
        resource, specs = wish.resource, desk.specs
        published = self._needs.published(ref, spared=lambda: specs.spared(resource))
        if published is None:
            self._tell(ref, self._waits(wish))
            return []
        want = specs.want(resource, published)
        kind = desk.kinds[ref.kind]
        try:
            found = await look(Thing(ref, kind, desk.drivers[ref.kind], want), desk.clock.now)
        except (Retry, Blocked) as error:
            self._tell(ref, status_of(error, ref))
            return []  # an apply would get no further either, and says why
        seen, plan, steps = found.seen, found.plan, list[Planned]()
        if hold := self._hold(wish, found):
            self._tell(ref, hold)
            if _serves(plan.status):
                self._needs.publish(ref, Published(kind.publish(want, seen)))
            return []
        for _ in range(ROUNDS):
            if not plan.steps and not plan.in_flight:
                break
            for step in plan.steps:
                steps.append(Planned(ref, name_of(step), step.detail))
                seen = kind.predict(seen, step)
            if not plan.steps:
                seen = kind.finish(seen, ANY_WORK)
            plan = kind.plan(want, seen, desk.clock.now())
        # Work alone is no step of an apply: until it ends, it stands as it is now.
        self._tell(ref, held or (plan.status if steps else found.plan.status))
        if _serves(plan.status):
            self._needs.publish(ref, Published(kind.publish(want, seen)))
        return steps

    def _acted_on(self, wish: Wish) -> tuple[Wish, Verdict | None]:
        """What an apply acts on: the old version, and why, where what a machine made waits."""
        gate = self._desk.gate
        verdict = gate.at_once(wish)
        if verdict is None or verdict.why != "machine":
            return wish, None  # an apply is a person's word on the rest
        return replace(wish, resource=gate.stand_in(wish.resource.ref) or wish.resource), verdict

    async def _down(self, wish: Wish) -> list[Planned]:
        desk, ref = self._desk, wish.resource.ref
        entry = desk.records.get(ref)
        if entry is None or deletion_of(wish.resource) == "retain":
            return []
        if entry.paused:
            self._tell(ref, PAUSED)
            return []
        kind = desk.kinds.get(ref.kind)
        if kind is None:
            return []
        try:
            found = await look(Thing(ref, kind, desk.drivers[ref.kind], None), desk.clock.now)
        except (Retry, Blocked) as error:
            self._tell(ref, status_of(error, ref))
            return []
        return [Planned(ref, name_of(step), step.detail) for step in found.plan.steps]

    def _hold(self, wish: Wish, found: Found) -> Status | None:
        """The status of what is watched and not changed; None = it may be changed."""
        records, resource = self._desk.records, wish.resource
        if records.paused(wish):
            return PAUSED
        entry = records.get(resource.ref)
        warns = resource.annotations.get(Annotation.HEAL) == "warn"
        if not (warns and entry is not None and entry.reached == resource.digest):
            return None
        if not found.plan.steps:
            return found.plan.status
        step = found.plan.steps[0]
        return Status("False", "Drifted", message=f"needs {name_of(step)}: {step.detail}")

    def _waits(self, wish: Wish) -> Status:
        if self._desk.records.paused(wish):
            return PAUSED
        unmet = ", ".join(map(str, self._needs.unmet(wish.resource.ref)))
        return Status("False", "Waiting", message=f"needs {unmet}")

    def _tell(self, ref: Ref, status: Status) -> None:
        if status.ready != "True":
            self._unready[ref] = status


def _serves(status: Status) -> bool:
    return status.ready == "True" or status.reason in PASSING


def _in_order(refs: Collection[Ref], needs: Needs) -> Iterator[Ref]:
    """Every name after those it needs. Knots are cut at the first name of them."""
    done: set[Ref] = set()
    members = frozenset(refs)
    for ref in refs:
        stack = [(ref, iter(needs.of(ref)))]
        if ref in done:
            continue
        done.add(ref)
        while stack:
            top, rest = stack[-1]
            need = next((n for n in rest if n not in done and n in members), None)
            if need is None:
                stack.pop()
                yield top
            else:
                done.add(need)
                stack.append((need, iter(needs.of(need))))
