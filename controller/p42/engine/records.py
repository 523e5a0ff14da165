"""Records: the ledger by name, and what an entry has to say at any moment.

An entry is written before the first act on a name and erased after the last of its teardown: so
whatever p42 ever began, it can end, even when manifest and daemon are gone in between.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from p42.engine.wish import State, Wish
from p42.model.ledger import Entry, Ledger
from p42.model.plan import Instant
from p42.model.ports import Clock
from p42.model.refs import Ref
from p42.model.resource import Annotation, Resource


class Records:
    """Writes only what differs: at idle nothing is written."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self._clock = clock
        self._entries = {entry.ref: entry for entry in ledger.entries()}
        self._buried: set[Ref] = set()  # taken down, still in the ledger: our status stands yet
        self._leaving: set[Ref] = set()  # of those, the ones whose status is gone as well

    def get(self, ref: Ref) -> Entry | None:
        """The entry of `ref`; None = nothing was ever begun."""
        return self._entries.get(ref)

    def all(self) -> tuple[Entry, ...]:
        """All entries."""
        return tuple(self._entries.values())

    async def record(self, wish: Wish, needs: tuple[Ref, ...], *, let: str, head: str = "") -> None:
        """What is about to be made real under this name. On disk when this returns.

        `let`: the digest of what it executes, which was let through while HEAD was at `head`.
        """
        old = self.get(wish.resource.ref)
        new = replace(self._entry(wish, needs, old), let=let, head=head)
        if old is not None and _equal(old, new):
            self._entries[new.ref] = new  # the same to the ledger; the next comparison is short
        else:
            await self._write(new)

    async def reached(self, ref: Ref, digest: str) -> None:
        """This spec has been made real once: what differs from now on is drift."""
        entry = self._entries[ref]
        if entry.reached != digest:
            await self._write(replace(entry, reached=digest))

    async def pause(self, wish: Wish, needs: tuple[Ref, ...], *, on: bool) -> None:
        """`p42 pause` and `resume`, kept over restarts."""
        old = self.get(wish.resource.ref)
        entry = old or self._entry(wish, needs, None)
        if old is None or old.paused != on:
            await self._write(replace(entry, paused=on))

    @property
    def leaving(self) -> frozenset[Ref]:
        """Names of which nothing is left but the entry in the ledger."""
        return frozenset(self._leaving)

    def bury(self, ref: Ref) -> None:
        """Its teardown is complete but for our status, which is taken away a moment later.

        The ledger keeps it until then: after a crash it is taken down once more, status and all.
        """
        self._entries.pop(ref, None)
        self._buried.add(ref)

    def unwritten(self, ref: Ref) -> None:
        """Our status of it stands nowhere any more. No effect if it came back meanwhile."""
        if ref in self._buried:
            self._buried.discard(ref)
            self._leaving.add(ref)

    async def forget(self, ref: Ref) -> None:
        """Erase one that is leaving; of any other, no effect."""
        if ref in self._leaving:
            await self.ledger.erase(ref)
            self._leaving.discard(ref)

    def paused(self, wish: Wish) -> bool:
        """By `p42 pause`, or by the annotation as long as there is a manifest to take it out of."""
        entry = self.get(wish.resource.ref)
        annotated = wish.resource.annotations.get(Annotation.PAUSED) == "true"
        return bool(entry and entry.paused) or (annotated and wish.state is not State.GONE)

    def created(self, ref: Ref) -> Instant:
        """When it was first begun; now, if it was not."""
        entry = self.get(ref)
        return entry.created if entry else self._clock.now()

    async def _write(self, entry: Entry) -> None:
        # Before the write is queued: an erasure queued after it would take the new entry along.
        self._buried.discard(entry.ref)
        self._leaving.discard(entry.ref)
        await self.ledger.record(entry)
        self._entries[entry.ref] = entry

    def _entry(self, wish: Wish, needs: tuple[Ref, ...], old: Entry | None) -> Entry:
        resource = wish.resource
        changed = old is not None and old.resource.digest != resource.digest
        return Entry(
            ref=resource.ref,
            source=wish.source,
            resource=resource,
            needs=needs,
            deletion=deletion_of(resource),
            generation=(old.generation if old else 1) + changed,
            created=old.created if old else self._clock.now(),
            paused=old.paused if old else False,
            held=wish.state is State.HELD,
            reached=old.reached if old else "",
            let=old.let if old else "",  # begun by a pause: nothing of it was ever let through
            head=old.head if old else "",
        )


def deletion_of(resource: Resource) -> Literal["delete", "retain"]:
    """The deletion policy; anything but `retain` is `delete`."""
    return "retain" if resource.annotations.get(Annotation.DELETION) == "retain" else "delete"


def _equal(a: Entry, b: Entry) -> bool:
    """Equal but for lines: p42's own status blocks shift the documents below them."""
    spot = a.resource.place
    if (spot.file, spot.document) != (b.resource.place.file, b.resource.place.document):
        return False
    return a == replace(b, resource=replace(b.resource, place=spot))
