"""Looking: what is declared, how it is, what needs what. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from p42.api import shapes, tables
from p42.api.approving import waiting
from p42.api.asking import Nothing, asks
from p42.api.companions import companion
from p42.api.house import engine_of, house_of
from p42.api.selecting import choose, matches
from p42.api.shapes import Items, Json, Listed, Overview, Table, object_of
from p42.api.telling import recent
from p42.api.words import ALL, kind_of, kinds_of, must_exist, ref_of
from p42.engine.view import Row, View
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.resource import API_VERSION
from p42.model.verb import Last

EVENTS_IN_DESCRIBE = 20
DEEPEST = 32  # levels of a tree; a cycle of needs is invalid, this only bounds what is


@asks
class Get:
    """`kind` in any form, or `all`; no names = every one; `selector` as `a=b,c!=d`."""

    kind: str = ALL
    names: tuple[str, ...] = ()
    selector: str = ""


@asks
class GetTable:
    """As Get; `kind` may be `status` too."""

    kind: str = ALL
    names: tuple[str, ...] = ()
    selector: str = ""
    wide: bool = False


@asks
class One:
    """One resource, KIND/NAME."""

    ref: str


@asks
class Tree:
    """What a resource needs, downwards; None = from everything that nothing needs."""

    ref: str | None = None


async def get(world: World, request: Get) -> Listed:
    """The objects with their live status."""
    rows = _chosen(world, request.kind, request.names, request.selector)
    written = house_of(world).written
    items = [object_of(row, written=written(row.ref)) for row in rows]
    return {"apiVersion": API_VERSION, "kind": "List", "items": items}


async def table(world: World, request: GetTable) -> Table:
    """The same for people."""
    now, kinds = world.clock.now(), house_of(world).kinds
    if request.kind == "status":
        return tables.of_status(engine_of(world).view(), now)
    rows = _chosen(world, request.kind, request.names, request.selector)
    if request.kind.casefold() == ALL:
        shown, things = tables.of_all(rows, now, wide=request.wide), "resources"
    else:
        kind = kinds[kind_of(kinds, request.kind)]
        shown, things = tables.of_kind(rows, kind, now, wide=request.wide), kind.plural
    if not rows and _chosen(world, request.kind, request.names, selector=""):
        return {**shown, "empty": f"no {things} match {request.selector}"}
    return shown


async def overview(world: World, request: Nothing) -> Overview:
    """Is reality what the manifests say?"""
    return shapes.overview(engine_of(world).view())


async def watch(world: World, request: GetTable) -> AsyncIterator[Json | Last[Json]]:
    """Each of them now, then each change of it: `{"change", "kind", "name", "object", "row"}`."""
    engine, kinds = engine_of(world), house_of(world).kinds
    wanted = kinds_of(kinds, request.kind)
    following: Any = engine.changes()
    async with aclosing(following) as changes:
        for row in _chosen(world, request.kind, request.names, request.selector):
            yield _change(world, row, request)
        async for change in changes:
            ref = change.ref if isinstance(change, Row) else change
            if ref.kind not in wanted or (request.names and ref.name not in request.names):
                continue
            if isinstance(change, Ref):
                yield {"change": "gone", "kind": ref.kind, "name": ref.name}
            elif matches(request.selector, change.resource.labels):
                yield _change(world, change, request)
    yield Last({})


def _change(world: World, row: Row, request: GetTable) -> Json:
    now, kinds = world.clock.now(), house_of(world).kinds
    if request.kind.casefold() == ALL:
        shown = tables.of_all([row], now, wide=request.wide)
    else:
        shown = tables.of_kind([row], kinds[row.ref.kind], now, wide=request.wide)
    return {
        "change": "is", "kind": row.ref.kind, "name": row.ref.name, "object": object_of(row),
        "columns": shown["columns"], "row": shown["rows"][0],
    }  # fmt: skip


async def describe(world: World, request: One) -> Json:
    """Everything about one: object, steps, needs, events."""
    view, house = engine_of(world).view(), house_of(world)
    ref = ref_of(house.kinds, request.ref)
    must_exist([ref], view.rows)
    row = view.rows[ref]
    return {
        "object": object_of(row, written=house.written(ref)), "written": house.written(ref),
        "drift": row.drift, "paused": row.paused,
        "file": row.resource.place.file, "line": row.resource.place.line,
        "steps": [shapes.step_of(step) for step in row.steps],
        "needs": [_brief(view, each) for each in row.needs],
        "neededBy": [_brief(view, each) for each in row.needed_by],
        "root": None if row.root is None else str(row.root),
        "attempts": row.attempts, "nextTry": shapes.when(row.next_try),
        **await _approval(world, row),
        **await companion(world, ref),
        "events": recent(world, ref, EVENTS_IN_DESCRIBE),
    }  # fmt: skip


async def _approval(world: World, row: Row) -> Json:
    """The change of it that waits for a person's word, if one does."""
    if row.status.reason != "NeedsApproval":
        return {}
    found = await engine_of(world).pending([row.ref])
    return {"approval": waiting(found[0])} if found else {}


async def tree(world: World, request: Tree) -> Items:
    """Needs, as a tree. What is named and not declared is in it, ready Unknown."""
    view = engine_of(world).view()
    if request.ref is not None:
        ref = ref_of(house_of(world).kinds, request.ref)
        must_exist([ref], view.rows)
        return {"items": [_branch(view, ref, DEEPEST)]}
    roots = [ref for ref in sorted(view.rows) if not view.rows[ref].needed_by]
    return {"items": [_branch(view, ref, DEEPEST) for ref in roots]}


def _branch(view: View, ref: Ref, depth: int) -> Json:
    row = view.rows.get(ref)
    below = row.needs if row is not None and depth else ()
    return {**_brief(view, ref), "needs": [_branch(view, each, depth - 1) for each in below]}


def _brief(view: View, ref: Ref) -> Json:
    row = view.rows.get(ref)
    if row is None:
        return {"kind": ref.kind, "name": ref.name, "ready": "Unknown", "reason": "Missing"}
    state = {"ready": row.status.ready, "reason": row.status.reason, "message": row.status.text}
    return {"kind": ref.kind, "name": ref.name, **state}


def _chosen(world: World, kind: str, names: tuple[str, ...], selector: str) -> list[Row]:
    return choose(engine_of(world).view(), house_of(world).kinds, kind, names, selector)
