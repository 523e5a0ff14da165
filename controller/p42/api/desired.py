"""Desired state: apply, diff, delete. They change the set of wishes; the loop makes them real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path

from p42.ai.forge.place import spare_of
from p42.api.approving import waiting
from p42.api.asking import asks
from p42.api.house import engine_of, house_of
from p42.api.keeping import draft, keep, take_out
from p42.api.shapes import Json, Results, Steps, diagnostics, forecast, progress, result_of
from p42.api.waiting import code_of, settle, worst
from p42.api.words import must_exist, ref_of
from p42.engine.view import Applied, Row
from p42.model.diagnostic import has_errors
from p42.model.errors import Exit, InvalidInput
from p42.model.look import FileLook
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.verb import Last

_EACH_ITS_OWN = ("/proc/self/", "/proc/thread-self/", "/dev/fd/")
DEFAULT_TIMEOUT = 60.0  # s; CONTRACT: `apply --timeout 60s`


@asks
class Apply:
    """`paths` absolute, none = what is followed; `stdin` is the text of manifests to keep here.

    `timeout` in seconds, None = as long as it takes.
    """

    paths: tuple[str, ...] = ()
    stdin: str | None = None
    prune: bool = False
    dry_run: bool = False
    wait: bool = True
    timeout: float | None = DEFAULT_TIMEOUT


@asks
class Diff:
    """No paths = the followed sources; `stdin` stands in for what was kept of it before."""

    paths: tuple[str, ...] = ()
    stdin: str | None = None
    prune: bool = False


@asks
class Delete:
    """Sources to forget (absolute `paths`), or single resources (`refs`, KIND/NAME)."""

    paths: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    wait: bool = True
    timeout: float | None = DEFAULT_TIMEOUT


async def apply(world: World, request: Apply) -> AsyncIterator[Json | Last[Results] | Last[Steps]]:
    """Follow the paths, then wait until what they declare is settled."""
    paths = _absolute(request.paths)
    if request.dry_run:
        asked = Diff(paths=paths, stdin=request.stdin, prune=request.prune)
        yield Last(await diff(world, asked))
        return
    only = None
    if request.stdin is not None:
        only = await keep(world, request.stdin)
        paths = (*paths, str(world.home / "manifests"))
    engine = engine_of(world)
    # What this person has just said may run.
    given: list[str | Ref] = [*request.paths, *(only or ())]
    applied = await engine.follow(paths or engine.view().sources, prune=request.prune, given=given)
    if only is not None and not request.paths:
        applied = _narrowed(applied, only)
    async for each in _outcome(world, applied, request):
        yield each


async def diff(world: World, request: Diff) -> Steps:
    """What apply would do. Observes, never acts."""
    engine = engine_of(world)
    paths, instead = _absolute(request.paths), list[FileLook]()
    if request.stdin is not None:
        instead = await draft(world, request.stdin)
        paths = (*paths, *(look.path for look in instead))
    paths = paths or engine.view().sources
    told = await engine.plan(paths, prune=request.prune, instead=instead)
    answer = forecast(told)
    if told.pending:
        answer |= {"approvals": [waiting(each) for each in told.pending], "code": Exit.DIFFERS}
    return answer


async def delete(world: World, request: Delete) -> AsyncIterator[Json | Last[Results]]:
    """Forget sources and remove what they declared, or remove single resources."""
    if bool(request.paths) == bool(request.refs):
        raise InvalidInput("delete takes KIND/NAME or -f PATH, one of the two")
    if request.paths:
        applied = await _forget(world, _absolute(request.paths))
    else:
        refs = [ref_of(house_of(world).kinds, text) for text in request.refs]
        applied = await _release(world, refs)
    async for each in _outcome(world, applied, request):
        if request.wait and isinstance(each, Last):
            await house_of(world).flush()  # who deletes may commit the files at once
        yield each


async def _forget(world: World, paths: tuple[str, ...]) -> Applied:
    engine = engine_of(world)
    return _joined([await engine.forget(path) for path in paths])


async def _release(world: World, refs: list[Ref]) -> Applied:
    engine = engine_of(world)
    rows = engine.view().rows
    must_exist(refs, rows)
    for ref in refs:  # all or none: look before the first file is touched
        _must_be_ours(world, rows[ref])
    applied = []
    for ref in refs:
        place = rows[ref].resource.place
        await take_out(world, place)
        await asyncio.to_thread(_drop_spare, world, Path(place.file))
        applied.append(await engine.release(ref))
    return _joined(applied)


def _drop_spare(world: World, file: Path) -> None:
    """Of what a forge made: whoever bears the name next has no version before."""
    if world.files.look(file) is None:
        world.files.remove(spare_of(file))


def _must_be_ours(world: World, row: Row) -> None:
    place = row.resource.place
    if not Path(place.file).is_relative_to(world.home / "manifests"):
        raise InvalidInput(
            f"{row.ref} is declared in {place}: take it out of that file and it goes, "
            "or forget the whole source with: p42 delete -f PATH"
        )


async def _outcome(
    world: World, applied: Applied, request: Apply | Delete
) -> AsyncIterator[Json | Last[Results]]:
    engine, refs = engine_of(world), frozenset(applied.results)
    if request.wait:
        async for change in settle(engine, refs, request.timeout):
            yield progress(change)
    rows = engine.view().rows
    yield Last(_results(applied, rows, waited=request.wait))


def _results(applied: Applied, rows: Mapping[Ref, Row], *, waited: bool) -> Results:
    codes = [code_of(row) for ref in applied.results if waited and (row := rows.get(ref))]
    codes += [Exit.INVALID] if has_errors(applied.broken) else []
    codes += [Exit.DIFFERS] if applied.held else []
    return {
        "results": [
            result_of(ref, result, rows.get(ref)) for ref, result in sorted(applied.results.items())
        ],
        "broken": diagnostics(applied.broken), "held": [str(ref) for ref in applied.held],
        "code": worst(codes),
    }  # fmt: skip


def _joined(all_applied: list[Applied]) -> Applied:
    results = {ref: result for each in all_applied for ref, result in each.results.items()}
    broken = tuple(finding for each in all_applied for finding in each.broken)
    return Applied(results, broken, tuple(ref for each in all_applied for ref in each.held))


def _narrowed(applied: Applied, refs: Collection[Ref]) -> Applied:
    results = {ref: result for ref, result in applied.results.items() if ref in refs}
    return Applied(results, applied.broken, applied.held)


def _absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        if not Path(path).is_absolute():
            raise InvalidInput(f"{path!r} is no absolute path: the daemon has another directory")
        if path.startswith(_EACH_ITS_OWN):
            raise InvalidInput(f"{path} leads each program elsewhere; name the directory it means")
    return paths
