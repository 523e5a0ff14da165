"""Engine: the loop, put together. Files and reality in; acts, standings and status out.

    sources -> feed -> catalog -> queue -> workers -> reconcile -> converge (observe . plan . act)
                ^                   ^                    |
             triggers: watchers, timers, dependants      +-> board, journal, ledger, statuses

Start-up order is nesting: ledger, first survey, then workers and watchers; shut-down is being
cancelled. What a cancelled run leaves behind is what a crash leaves: whole steps.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from random import Random
from typing import Any

from p42.engine.backoff import Backoff
from p42.engine.bugs import caught
from p42.engine.catalog import Catalog
from p42.engine.consent import Consent
from p42.engine.desk import Desk
from p42.engine.feed import Feed
from p42.engine.force import in_force
from p42.engine.gate import Gate, Trust
from p42.engine.held import Pending
from p42.engine.queue import Priority
from p42.engine.reconcile import Reconciler
from p42.engine.records import Records
from p42.engine.requests import Guard, Requests
from p42.engine.rows import row_of, view_of
from p42.engine.specs import Specs
from p42.engine.triggers import Triggers
from p42.engine.view import Applied, Forecast, Row, View
from p42.engine.wish import State, Wish
from p42.engine.workers import WORKERS, work
from p42.model.approval import Pin
from p42.model.declared import Rules, Sources, Statuses
from p42.model.errors import InvalidInput, P42Error
from p42.model.kind import AnyKind
from p42.model.ledger import Ledger
from p42.model.look import FileLook
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.resource import Place, Resource


class Engine:
    """One per home. Of one event loop: none of it is for threads."""

    def __init__(
        self,
        *,
        kinds: Mapping[str, AnyKind],
        world: World,
        ledger: Ledger,
        sources: Sources,
        rules: Rules,
        statuses: Statuses,
        defaults: Mapping[str, str] | None = None,
        overlays: Mapping[Ref, Mapping[str, Any]] | None = None,
        trust: Trust = "all",
        random: Callable[[], float] | None = None,
    ) -> None:
        """`defaults`: kind -> name from the configuration (`defaults.account`), where no manifest
        says `default: true`. `overlays`: what it says of single names (`[agents.muse]`), field by
        field where the manifest has none. `trust`: what may run without being asked about.
        `random`: [0, 1), for jitter. Nothing runs before `run`.
        """
        fallback = defaults or {}
        dice = random or Random().random  # noqa: S311 - jitter, no secret
        specs = Specs(kinds, fallback=fallback, overlays=overlays)
        catalog = Catalog(cross=rules.cross, keep_all=ledger.lost)
        records = Records(ledger, world.clock)
        self._desk = Desk(
            kinds=kinds,
            drivers={name: kind.driver(world.only(kind.uses)) for name, kind in kinds.items()},
            clock=world.clock,
            journal=world.journal,
            statuses=statuses,
            records=records,
            catalog=catalog,
            specs=specs,
            gate=Gate(
                trust,
                world.approvals,
                kinds=kinds,
                records=records,
                sources=sources,
                specs=Specs(kinds, fallback=fallback, overlays=overlays),
            ),
            backoff=Backoff(dice),
        )
        self._restore(sources)
        self._feed = Feed(catalog, sources, changed=self._desk.wish_changed)
        self._triggers = Triggers(self._desk, self._feed, sources, random=dice)
        self._requests = Requests(
            self._desk,
            self._feed,
            cross=rules.cross,
            specs=Specs(kinds, fallback=fallback, overlays=overlays),
        )
        self._consent = Consent(self._desk)
        self._reconciler = Reconciler(self._desk)

    async def run(self) -> None:
        """Make it so, and keep it so, until cancelled."""
        with caught("looking at the sources for the first time") as result:
            await self._feed.survey()
        if result.error is not None:
            self._feed.hint(None)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed.run())
                group.create_task(self._triggers.run())
                for _ in range(WORKERS):
                    group.create_task(self._worker())
        finally:
            self._desk.queue.close()

    async def close(self) -> None:
        """After `run`, and after the last status was written: forget what only waited for that."""
        for ref in sorted(self._desk.records.leaving):
            with contextlib.suppress(P42Error):  # the next start takes it down once more
                await self._desk.records.forget(ref)

    async def follow(
        self,
        paths: Sequence[str],
        *,
        prune: bool = False,
        given: Collection[str | Ref] | None = None,
    ) -> Applied:
        """`apply`: from now on what stands in `paths` (absolute) is wished for.

        `given`: of what a person says by this that it may run, but for what a machine made; None =
        of all of it. A source not yet followed is always meant.

        A source not yet followed with one error: InvalidInput with the diagnostics, and nothing
        was applied. In a followed one files stand alone; what is broken is told. Waits for second
        looks at what is missing, a few seconds, not for anything to become real: see `settle`.
        """
        return await self._requests.follow(paths, prune=prune, given=given)

    async def forget(self, path: str) -> Applied:
        """`delete -f`: stop following a source. InvalidInput, naming the source, if it is none."""
        return await self._requests.forget(path)

    async def release(self, ref: Ref) -> Applied:
        """`delete KIND/NAME`, its document being removed: gone without a second look.

        InvalidInput with its place if it still stands somewhere, or if there is no such wish.
        """
        return await self._requests.release(ref)

    async def plan(
        self, paths: Sequence[str], *, prune: bool = False, instead: Sequence[FileLook] = ()
    ) -> Forecast:
        """`diff`: what `follow` would lead to; () paths = all that is followed.

        `instead`: files as they are not yet, each in the place of what stands at its path.
        Observes, never acts, follows nothing; needs no `run`.
        """
        return await self._requests.plan(paths, prune=prune, instead=instead)

    async def pending(self, refs: Collection[Ref] | None = None) -> tuple[Pending, ...]:
        """The changes of `refs` (None = of all) that wait for a person's word, sorted."""
        return await self._consent.pending(refs)

    def waits(self, resource: Resource) -> bool:
        """Whether what p42 itself writes there would wait for a person's word."""
        return self._consent.waits(resource)

    async def reread(self, ref: Ref) -> Row | None:
        """Look at its file now, not when a watcher tells; None = it is not declared any more."""
        await self._feed.peek(self._wished(ref).resource.place.file)
        return self.row(ref)

    async def in_force(self, resource: Resource) -> bool:
        """Whether that is what runs under its name: agreed to, there, its tests not failed."""
        return await in_force(self._desk, resource)

    async def approve(self, digests: Mapping[Ref, str]) -> None:
        """A person has seen what has these digests, and agrees. All of them or none.

        Raises InvalidInput for one of which nothing waits, or something else by now. On disk when
        this returns.
        """
        await self._consent.approve(digests)

    async def pin(self, path: str, by: str) -> None:
        """`by`, a process agent, can write below `path` from now on: every change there waits."""
        await self._desk.gate.approvals.pin(path, by)

    async def unpin(self, path: str, by: str) -> None:
        """It has ended. What it wrote last is held before anything there is trusted again."""
        await self.unpin_all([Pin(path, by)])

    async def unpin_all(self, pins: Collection[Pin]) -> None:
        """As `unpin`, of several at once: it takes seconds."""
        await self._consent.unpin(self._feed, pins)

    def guard(self, guard: Guard) -> None:
        """From now on it hears of each source before that is followed."""
        self._requests.guard = guard

    def view(self) -> View:
        """Everything at this moment."""
        return view_of(self._desk)

    @property
    def sources(self) -> tuple[str, ...]:
        """Absolute paths that are followed."""
        return self._desk.catalog.sources

    def noted(self, annotation: str, value: str) -> list[Row]:
        """The rows of what bears that annotation."""
        wishes = self._desk.catalog.wishes.items()
        found = [ref for ref, wish in wishes if wish.resource.annotations.get(annotation) == value]
        return [row for ref in found if (row := row_of(self._desk, ref)) is not None]

    def row(self, ref: Ref) -> Row | None:
        """One name at this moment; None = there is no such wish."""
        return row_of(self._desk, ref)

    def places(self, ref: Ref) -> tuple[Place, ...]:
        """Where documents of that name stand now, also those that do not hold."""
        return tuple(document.place for document in self._desk.catalog.shelves.documents(ref))

    def changes(self) -> AsyncIterator[Row | Ref]:
        """From this call on: each changed row, the newest only; a Ref = that one is gone."""
        return self._rows(self._desk.board.changes())

    async def settle(self, refs: Collection[Ref] | None = None) -> None:
        """Until none of `refs` (None = all, whatever they will be) is on its way any more."""
        await self._feed.surveyed.wait()  # before that, nobody knows what there is
        await self._desk.board.wait(
            lambda: self._desk.names if refs is None else refs, self._desk.busy
        )

    def nudge(self, ref: Ref) -> None:
        """`p42 reconcile`: try now, back-off reset; mends once what `heal: warn` only tells."""
        self._wished(ref)
        self._desk.forced.add(ref)
        self._desk.queue.add(ref, Priority.USER)

    def wake(self, ref: Ref | None) -> None:
        """A hint that reality changed at `ref`, None = anywhere (work ended, a key was set)."""
        self._triggers.wake(ref)

    async def pause(self, ref: Ref, *, on: bool) -> None:
        """`p42 pause` and `resume`: watched, not changed; kept over restarts."""
        wish = self._wished(ref)
        await self._desk.records.pause(wish, self._desk.needs.of(ref), on=on)
        self._desk.queue.add(ref, Priority.USER)
        self._desk.board.touch([ref])

    def _wished(self, ref: Ref) -> Wish:
        wish = self._desk.catalog.wishes.get(ref)
        if wish is None:
            raise InvalidInput(f"{ref} is not declared; `p42 get all` lists what is")
        return wish

    def _restore(self, sources: Sources) -> None:
        desk = self._desk
        entries = desk.records.all()
        desk.catalog.restore(entries, desk.records.ledger.sources())
        for entry in entries:
            desk.needs.set(entry.ref, entry.needs)
        homes = {(e.resource.place.file, desk.catalog.wishes[e.ref].source) for e in entries}
        sources.expect(sorted(homes))
        desk.specs.choose(entry.resource for entry in entries)
        # Of these the first survey will say nothing new, so nobody else would look at them.
        settled = (State.GONE, State.HELD)
        desk.wish_changed(ref for ref, w in desk.catalog.wishes.items() if w.state in settled)

    async def _worker(self) -> None:
        await work(self._desk.queue, self._desk.board, self._reconciler.reconcile)

    async def _rows(self, refs: AsyncIterator[Ref]) -> AsyncIterator[Row | Ref]:
        async for ref in refs:
            yield row_of(self._desk, ref) or ref
