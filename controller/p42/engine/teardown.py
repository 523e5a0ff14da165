"""Teardown: what is gone from the files is taken down, users before what they use.

The order is that of the recorded needs, so it holds also when every manifest is lost. The entry in
the ledger goes last: until then a crash only means doing it again.
"""

from __future__ import annotations

from collections.abc import Callable

from p42.engine.converge import Found, Thing, converge, look
from p42.engine.desk import Desk
from p42.engine.herald import Herald, News
from p42.engine.outcome import mend_after
from p42.engine.queue import Priority
from p42.engine.records import deletion_of
from p42.engine.view import Planned
from p42.engine.wish import State, Wish
from p42.model.errors import Blocked
from p42.model.plan import name_of
from p42.model.reasons import Mend
from p42.model.refs import Ref
from p42.model.status import Status


class Teardown:
    """Takes one name down, or says what it waits for."""

    def __init__(self, desk: Desk, herald: Herald) -> None:
        self._desk = desk
        self._herald = herald

    async def take_down(self, wish: Wish) -> None:
        """One pass. Raises Retry or Blocked; what is not finished is queued again."""
        desk, ref = self._desk, wish.resource.ref
        if desk.records.paused(wish):
            message = "its manifest is gone, and it is paused: `p42 resume` lets it go"
            self._herald.post(ref, News(Status("Unknown", "Paused", message), Mend.USER))
            return
        if desk.records.get(ref) is None or deletion_of(wish.resource) == "retain":
            await self._finish(wish)  # never begun, or to be left as it is
            return
        if user := self._still_in_use(ref):
            self._say(ref, f"after {user}")
            return
        found = await self._remove(ref)
        if found.drift:
            self._say(ref, found.plan.status.text, drift=True)
            if found.plan.again is not None:
                desk.queue.add_after(ref, found.plan.again, Priority.HEAL)
            return
        await self._finish(wish)

    async def _remove(self, ref: Ref) -> Found:
        desk = self._desk
        kind = desk.kinds.get(ref.kind)
        if kind is None:
            raise Blocked(f"this p42 knows no kind {ref.kind}: the one that made {ref} ends it")
        thing = Thing(ref, kind, desk.drivers[ref.kind], None)
        found = await look(thing, desk.clock.now)
        if found.plan.steps:
            steps = tuple(Planned(ref, name_of(s), s.detail) for s in found.plan.steps)
            status = Status("Unknown", "Deleting", message=steps[0].detail)
            self._herald.post(ref, News(status, Mend.TIME, steps=steps, drift=True))
        return await converge(
            thing, found, desk.clock.now,
            did=lambda step: desk.journal.note(ref, name_of(step), step.detail),
        )  # fmt: skip

    async def _finish(self, wish: Wish) -> None:
        desk, ref = self._desk, wish.resource.ref
        await desk.gate.approvals.withdraw(ref)  # before the ledger: a crash does it again
        if not self._gone(ref):
            return
        desk.records.bury(ref)  # our status stands yet, in its document or beside it
        self._herald.unwrite(wish.resource)
        neighbours = desk.needs.users(ref) | set(desk.needs.of(ref))
        desk.catalog.erase(ref)
        desk.needs.drop(ref)
        desk.specs.forget(ref)
        desk.gate.forget(ref)
        desk.backoff.reset(ref)
        desk.queue.cancel(ref)
        self._herald.bury(ref)
        desk.wake(neighbours, Priority.HEAL)

    def _gone(self, ref: Ref) -> bool:
        wish = self._desk.catalog.wishes.get(ref)
        return wish is not None and wish.state is State.GONE

    def _still_in_use(self, ref: Ref) -> Ref | None:
        """One that needs `ref`, is gone too and not yet down. None also for a knot of needs."""
        needs = self._desk.needs
        for user in sorted(needs.users(ref)):
            if self._gone(user) and user not in _all_needs(ref, needs.of):
                return user
        return None

    def _say(self, ref: Ref, why: str, *, drift: bool = False) -> None:
        status = Status("Unknown", "Deleting", message=why)
        self._herald.post(ref, News(status, mend_after(status, 0), drift=drift))


def _all_needs(ref: Ref, needs_of: Callable[[Ref], tuple[Ref, ...]]) -> set[Ref]:
    """What `ref` needs, directly or not."""
    found: set[Ref] = set()
    open_ = [ref]
    while open_:
        for need in needs_of(open_.pop()):
            if need not in found:
                found.add(need)
                open_.append(need)
    return found
