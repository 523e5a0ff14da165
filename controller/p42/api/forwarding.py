"""Forwarding: a project's messages to a person's terminal instead of its companion, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from p42.api.asking import Nothing, asks
from p42.api.house import engine_of, house_of
from p42.api.shapes import Items, Json
from p42.api.words import must_exist
from p42.model.errors import InvalidInput
from p42.model.ports import World
from p42.model.refs import Ref, is_name

KIND = "ProjectCI"


@asks
class Forward:
    """`target` names a terminal, or another project whose companion answers instead."""

    project: str
    target: str


@asks
class Project:
    """A project by the name of its manifest."""

    project: str


@asks
class Attach:
    """The terminal's name, a-z, 0-9 and -."""

    name: str


@asks
class Shown:
    """The delivery that the terminal showed."""

    id: str


async def forward(world: World, request: Forward) -> Json:
    """From now on, over restarts, until `unforward`."""
    ref = _project(world, request.project)
    if not is_name(request.target):
        raise InvalidInput(f"{request.target!r} is no name of a terminal: a-z, 0-9 and - only")
    if request.target == ref.name:
        raise InvalidInput(f"{ref} cannot be forwarded to itself")
    house = house_of(world)
    await house.forwards.put(ref, request.target)
    attached = request.target in house.terminals.names
    return {"project": ref.name, "target": request.target, "attached": attached}


async def unforward(world: World, request: Project) -> Json:
    """Its companion answers again, whatever its manifest's `forwardTo` says."""
    ref = _project(world, request.project)
    before = target_of(world, ref)
    await house_of(world).forwards.put(ref, "")
    return {"project": ref.name, "was": before}


async def forwards(world: World, request: Nothing) -> Items:
    """Where each project's messages go, and who is attached."""
    names = house_of(world).terminals.names
    found = [(ref, target_of(world, ref)) for ref in engine_of(world).view().rows
             if ref.kind == KIND]  # fmt: skip
    return {
        "items": [
            {"project": ref.name, "target": target, "attached": target in names}
            for ref, target in sorted(found) if target
        ]
    }  # fmt: skip


async def attach(world: World, request: Attach) -> AsyncIterator[Json]:
    """Messages for this terminal as they come; each is to be confirmed by `terminal.shown`."""
    if not is_name(request.name):
        raise InvalidInput(f"{request.name!r} is no name of a terminal: a-z, 0-9 and - only")
    coming: Any = house_of(world).terminals.attach(request.name)
    async with aclosing(coming) as deliveries:
        async for each in deliveries:
            yield {"id": each.id, "from": each.sender, "text": each.text}


async def shown(world: World, request: Shown) -> Json:
    """A terminal showed a delivery."""
    return {"inTime": house_of(world).terminals.confirm(request.id)}


def target_of(world: World, ref: Ref) -> str:
    """Where a project's messages go; "" = to its companion. A person's word over the manifest's."""
    said = house_of(world).forwards.get(ref)
    if said is not None:
        return said
    row = engine_of(world).view().rows.get(ref)
    return str(row.resource.spec.get("forwardTo") or "") if row is not None else ""


def _project(world: World, name: str) -> Ref:
    ref = Ref(KIND, name.removeprefix("projectci/").lower())
    must_exist([ref], engine_of(world).view().rows)
    return ref
