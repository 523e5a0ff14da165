"""Desk: what everyone in the engine works on, in one record. Each part has its own file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from p42.engine.backoff import Backoff
from p42.engine.board import Board
from p42.engine.catalog import Catalog
from p42.engine.gate import Gate
from p42.engine.needs import Needs
from p42.engine.queue import Priority, Queue
from p42.engine.records import Records
from p42.engine.specs import Specs
from p42.engine.wish import State
from p42.model.declared import Statuses
from p42.model.kind import AnyKind, Driver
from p42.model.ports import Clock, Journal
from p42.model.reasons import Mend
from p42.model.refs import Ref


@dataclass(frozen=True, slots=True)
class Desk:
    """`forced`: names that somebody asked to mend once although `heal: warn` says to tell."""

    kinds: Mapping[str, AnyKind]
    drivers: Mapping[str, Driver[Any, Any, Any]]
    clock: Clock
    journal: Journal
    statuses: Statuses
    records: Records
    catalog: Catalog
    specs: Specs
    gate: Gate
    needs: Needs = field(default_factory=Needs)
    queue: Queue = field(default_factory=Queue)
    board: Board = field(default_factory=Board)
    backoff: Backoff = field(default_factory=lambda: Backoff(lambda: 0.5))
    forced: set[Ref] = field(default_factory=set)

    def wish_changed(self, refs: Iterable[Ref]) -> None:
        """The files say something new of `refs`: try at once, with a clean slate."""
        touched = set(refs)
        if any(ref.kind in self.specs.defaultable for ref in touched):
            wishes = self.catalog.wishes.values()
            alive = (wish.resource for wish in wishes if wish.state is not State.GONE)
            users = self.specs.choose(alive)
            touched |= {ref for ref in self.catalog.wishes if ref.kind in users}
        for ref in touched:
            self.backoff.reset(ref)
            self.queue.add(ref, Priority.USER)
            for need in self.needs.of(ref):
                self._next_to_go(need)
        self.board.touch(touched)

    def wake(self, refs: Iterable[Ref], priority: Priority) -> None:
        """Have a look at those of `refs` that are wished for."""
        for ref in refs:
            if ref in self.catalog.wishes:
                self.queue.add(ref, priority)

    @property
    def names(self) -> frozenset[Ref]:
        """All that is wished for, and what is about to be forgotten."""
        return self.records.leaving | self.catalog.wishes.keys()

    def busy(self, ref: Ref) -> bool:
        """Whether `ref` is still on its way: queued, undecided, or for time to mend."""
        if ref not in self.catalog.wishes:
            return ref in self.records.leaving
        on_its_way = self.queue.holds(ref) or self.board.get(ref).mend is Mend.TIME
        return on_its_way or self.catalog.undecided(ref)

    def _next_to_go(self, need: Ref) -> None:
        """`need` may have been waiting, to be taken down, for one that just came back."""
        wish = self.catalog.wishes.get(need)
        if wish is not None and wish.state is State.GONE:
            self.queue.add(need, Priority.USER)
