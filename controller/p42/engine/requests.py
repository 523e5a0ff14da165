"""Requests: what a person asks of the set of wishes: follow, forget, release, or only a plan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from posixpath import normpath
from typing import Protocol

from p42.engine.absence import EMPTY_GRACE
from p42.engine.catalog import Catalog
from p42.engine.consent import Consent
from p42.engine.desk import Desk
from p42.engine.dryrun import DryRun
from p42.engine.feed import Feed
from p42.engine.paths import lies_in
from p42.engine.quarrel import Cross
from p42.engine.specs import Specs
from p42.engine.told import Told
from p42.engine.view import Applied, Forecast
from p42.engine.wish import State
from p42.model.diagnostic import Diagnostic, has_errors
from p42.model.errors import InvalidInput
from p42.model.look import FileLook, SourceLook
from p42.model.refs import Ref

PATIENCE = 2 * EMPTY_GRACE  # s for absences to be proven, so that `apply` can say "pruned"


class Guard(Protocol):
    """Who knows what runs, and may write where."""

    def following(self, sources: Sequence[str]) -> AbstractAsyncContextManager[None]:
        """Inside, `sources` come to be followed; who may write there now has been pinned by then.

        They may take in sources that are followed already.
        """


class _NoGuard:
    """Nothing runs that could write."""

    @asynccontextmanager
    async def following(self, sources: Sequence[str]) -> AsyncIterator[None]:
        yield


class Requests:
    """Paths are absolute, and mean what they lead to. Raises InvalidInput for what cannot be asked;
    then nothing was done.
    """

    def __init__(self, desk: Desk, feed: Feed, *, cross: Cross, specs: Specs) -> None:
        """`specs`: one to plan with, that may be spoilt."""
        self._desk = desk
        self._feed = feed
        self._cross = cross
        self._specs = specs
        self.guard: Guard = _NoGuard()
        self._told = Told(entry.resource for entry in desk.records.all())

    async def follow(
        self, paths: Sequence[str], *, prune: bool, given: Collection[str | Ref] | None
    ) -> Applied:
        """`apply`: follow what is not followed yet, look at everything, say what is new."""
        catalog = self._desk.catalog
        async with self._feed.alone():
            wanted = await self._real(paths)
            said = wanted if given is None else given
            meant: set[str | Ref] = {each for each in said if isinstance(each, Ref)}
            meant |= set(await self._real(each for each in said if isinstance(each, str)))
            if new := self._outermost(wanted):
                await self._check(new)
                async with self.guard.following(new):
                    for source in new:
                        await self._admit(source)
                meant |= set(new)
            await self._feed.survey_alone()
            await self._give(meant)
            self._must_exist(wanted)
        await self._prove_absences(wanted)
        await self._give(meant, later=True)  # what looked like half a save counts only now
        sources = {s for path in wanted if (s := catalog.source_of(path)) is not None}
        if prune:
            self._desk.wish_changed(catalog.prune(sources))
        results = self._told.results(catalog, wanted)
        self._desk.wish_changed(ref for ref in results if ref in catalog.wishes)
        broken = tuple(f for f in catalog.broken if any(lies_in(f.file, p) for p in wanted))
        held = (ref for ref, wish in catalog.wishes.items() if wish.state is State.HELD)
        of_these = tuple(sorted(r for r in held if catalog.wishes[r].source in sources))
        return Applied(results, broken, of_these)

    async def _give(self, meant: Collection[str | Ref], *, later: bool = False) -> None:
        """A person applied these paths and names. Nothing is awaited before it counts."""
        catalog, refs = self._desk.catalog, set[Ref]()
        for each in meant:
            refs |= set(catalog.shelves.below(each)) if isinstance(each, str) else {each}
        wishes = (catalog.wishes[ref] for ref in sorted(refs) if ref in catalog.wishes)
        known = (wish for wish in wishes if wish.resource.ref.kind in self._desk.kinds)
        await self._desk.gate.give(known, later=later)

    async def forget(self, path: str) -> Applied:
        """`delete -f`: follow it no more, and take down what only it declared."""
        desk = self._desk
        async with self._feed.alone():
            source = normpath(path)  # its own name first: a link may stand in its way by now
            if source not in desk.catalog.sources:
                (source,) = await self._real([path])
            if source not in desk.catalog.sources:
                raise InvalidInput(_no_source(source, desk.catalog))
            await desk.records.ledger.forget(source)
            changed = desk.catalog.forget(source)
            desk.wish_changed(changed)
            return self._deleted(changed)

    async def release(self, ref: Ref) -> Applied:
        """`delete KIND/NAME` after its document was removed: gone now, without a second look."""
        desk = self._desk
        if (wish := desk.catalog.wishes.get(ref)) is None:
            raise InvalidInput(f"{ref} is not declared; `p42 get all` lists what is")
        await self._feed.peek(wish.resource.place.file)
        if documents := desk.catalog.shelves.documents(ref):
            raise InvalidInput(f"{ref} is declared at {documents[0].place}: remove it there")
        desk.wish_changed(desk.catalog.release(ref))
        return self._deleted([ref])

    async def plan(
        self, paths: Sequence[str], *, prune: bool, instead: Sequence[FileLook]
    ) -> Forecast:
        """`diff`: what `follow(paths)` would lead to. Follows and changes nothing."""
        desk = self._desk
        async with self._feed.alone():
            wanted = await self._real(paths) or list(desk.catalog.sources)
            new = self._outermost(wanted)
            catalog = await self._scratch(new, instead)
            self._refuse(new, catalog)
        if prune:
            catalog.prune(catalog.sources)
        self._specs.choose(w.resource for w in catalog.wishes.values() if w.state is not State.GONE)
        chosen = {
            ref
            for ref, wish in catalog.wishes.items()
            if any(lies_in(wish.resource.place.file, path) for path in wanted)
        }
        told = await DryRun(replace(desk, catalog=catalog, specs=self._specs)).forecast(chosen)
        held = (ref for ref in sorted(chosen) if catalog.wishes[ref].state is State.HELD)
        broken = (f for f in catalog.broken if any(lies_in(f.file, path) for path in wanted))
        pending = await Consent(desk).pending(chosen)
        return replace(told, held=tuple(held), broken=tuple(broken), pending=pending)

    async def _real(self, paths: Iterable[str]) -> list[str]:
        """Where `paths` lead, each once."""
        return list(dict.fromkeys([await self._feed.real(path) for path in paths]))

    def _outermost(self, paths: Sequence[str]) -> list[str]:
        """Those of `paths` that are not followed yet, without those inside another of them."""
        new = [path for path in paths if self._desk.catalog.source_of(path) is None]
        return [p for p in new if not any(p != q and lies_in(p, q) for q in new)]

    async def _check(self, new: Sequence[str]) -> None:
        self._refuse(new, await self._scratch(new))

    async def _scratch(self, new: Sequence[str], instead: Sequence[FileLook] = ()) -> Catalog:
        """The catalog as it would be with `new` followed and all absences proven."""
        desk = self._desk
        sources = [s for s in desk.catalog.sources if not any(lies_in(s, n) for n in new)]
        catalog = Catalog(cross=self._cross, keep_all=desk.catalog.keep_all)
        catalog.restore(desk.records.all(), [*sources, *new])
        seen = [await self._feed.look(source) for source in catalog.sources]
        looks = [_instead(look, instead) for look in seen]
        for look in looks:
            if look.gone and look.source in new:
                raise InvalidInput(f"{look.source}: {look.gone}")
        catalog.survey(looks, 0.0)
        catalog.survey(looks, PATIENCE)
        await self._feed.ask_git(catalog)
        return catalog

    def _refuse(self, new: Sequence[str], catalog: Catalog) -> None:
        """A source that was never followed is taken whole or not at all."""
        found = [f for f in catalog.broken if any(lies_in(f.file, source) for source in new)]
        if has_errors(found):
            raise InvalidInput(_nothing_applied(found), diagnostics=found)

    async def _admit(self, source: str) -> None:
        desk = self._desk
        inner = [s for s in desk.catalog.sources if lies_in(s, source)]
        # The parent first: a crash in between leaves both, never neither.
        await desk.records.ledger.follow(source)
        for child in inner:
            await desk.records.ledger.forget(child)
        desk.catalog.follow(source)

    def _must_exist(self, paths: Sequence[str]) -> None:
        """A path inside a source adds nothing, but it must not be a slip of the pen either."""
        catalog = self._desk.catalog
        for path in paths:
            known = any(lies_in(shelf.path, path) for shelf in catalog.shelves)
            if path not in catalog.sources and not known:
                source = catalog.source_of(path)
                raise InvalidInput(
                    f"{path}: no manifest is there, or git ignores it (its source {source} is "
                    "followed)"
                )

    async def _prove_absences(self, paths: Sequence[str]) -> None:
        """Wait for second looks, so that what is told is what will be."""
        loop, catalog = asyncio.get_running_loop(), self._desk.catalog
        sources = {catalog.source_of(path) for path in paths}
        end = loop.time() + PATIENCE
        while loop.time() < end:
            if not any(
                wish.state is State.ABSENT and wish.source in sources
                for wish in catalog.wishes.values()
            ) and not any(catalog.source_of(path) in sources for path in catalog.due_files):
                return
            next_look = self._feed.next_look() or end
            await asyncio.sleep(min(next_look, end) - loop.time())
            await self._feed.survey()

    def _deleted(self, refs: Sequence[Ref] | frozenset[Ref]) -> Applied:
        wishes = self._desk.catalog.wishes
        gone = [ref for ref in sorted(refs) if wishes[ref].state is State.GONE]
        self._told.forget(gone)
        return Applied(dict.fromkeys(gone, "deleted"))


def _instead(look: SourceLook, files: Sequence[FileLook]) -> SourceLook:
    """`look` with those of `files` that lie in its source, as if they stood there."""
    own = {file.path: file for file in files if lies_in(file.path, look.source)}
    if not own:
        return look
    others = (file for file in look.files if file.path not in own)
    return SourceLook(look.source, (*others, *own.values()))


def _no_source(path: str, catalog: Catalog) -> str:
    if (source := catalog.source_of(path)) is None:
        followed = ", ".join(catalog.sources) or "nothing"
        return f"{path} is not followed; followed: {followed}"
    return f"{path} lies in the source {source}: remove the file, or `p42 delete -f {source}`"


def _nothing_applied(found: Sequence[Diagnostic]) -> str:
    errors = sum(f.severity == "error" for f in found)
    return f"{errors} error{'s' * (errors != 1)} in the manifests; nothing was applied"
