"""Hosting: settings as they are in force, completion of live names, and the end of the daemon."""

from __future__ import annotations

import os
from typing import Any, TypedDict

from p42.api.asking import Nothing, asks
from p42.api.house import engine_of, house_of
from p42.api.shapes import Items, Json
from p42.api.words import kind_of
from p42.model.errors import InvalidInput
from p42.model.ports import World


class Stopping(TypedDict):
    """`pid` ends after this reply."""

    pid: int


class Names(TypedDict):
    """Candidates, sorted."""

    items: list[str]


@asks
class Complete:
    """`what` is refs, kinds, sources or looks (what `get` takes); those that begin with `prefix`.

    `kind` narrows refs to the bare names of one kind.
    """

    what: str = "refs"
    prefix: str = ""
    kind: str | None = None


async def config(world: World, request: Nothing) -> Items:
    """Every setting in force and where it came from; a port that was drawn shows as drawn."""
    house = house_of(world)
    items = [item.as_json() for item in house.settings.items()]
    drawn = {"gateway.port": house.doors.port, "http.port": house.web.port}
    return {"items": [_in_force(item, drawn.get(item["key"])) for item in items]}


def _in_force(item: Json, port: int | None) -> Json:
    if port is None or item["value"] == port:
        return item
    return {**item, "value": port, "wanted": item["value"]}


@asks
class Stop:
    """`children` is end, or keep: they live on with the keeper, for the daemon that comes next."""

    children: str = "end"


async def stop(world: World, request: Stop) -> Stopping:
    """Ends the daemon; what it declares stays declared."""
    if request.children not in ("end", "keep"):
        raise InvalidInput(f"children {request.children!r}: there are end and keep")
    house_of(world).stop(keep=request.children == "keep")
    return {"pid": os.getpid()}


async def complete(world: World, request: Complete) -> Names:
    """For the shell."""
    found = _candidates(world, request)
    return {"items": sorted(name for name in found if name.startswith(request.prefix))}


def _candidates(world: World, request: Complete) -> list[str]:
    kinds, view = house_of(world).kinds, engine_of(world).view()
    refs = [f"{ref.kind.lower()}/{ref.name}" for ref in view.rows]
    plurals = [kind.plural for kind in kinds.values()]
    if request.kind is not None:
        wanted = kind_of(kinds, request.kind)
        return [ref.name for ref in view.rows if ref.kind == wanted]
    lists: dict[str, list[Any]] = {
        "refs": refs, "kinds": plurals, "sources": list(view.sources),
        "looks": [*refs, *plurals, "all", "status"],
    }  # fmt: skip
    if request.what not in lists:
        raise InvalidInput(f"nothing to complete is called {request.what!r}: {', '.join(lists)}")
    return lists[request.what]
