"""Forwarding: a project's messages to a person's terminal instead of its companion, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator

from p42.api.asking import Nothing, asks
from p42.api.house import engine_of, house_of
from p42.api.shapes import Items, Json
from p42.model.called import the_project
from p42.model.errors import InvalidInput
from p42.model.ports import World
from p42.model.refs import Ref, is_name
from p42.wire.tekton import ci_name

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
    target = _meant(world, _name(request.target))
    if target == ref.name:
        raise InvalidInput(f"{ref} cannot be forwarded to itself")
    await house_of(world).forwards.put(ref, target)
    return _where(world, ref, target)


async def unforward(world: World, request: Project) -> Json:
    """Its companion answers again, whatever its manifest's `forwardTo` says."""
    ref = _project(world, request.project)
    before = target_of(world, ref)
    if before:
        await house_of(world).forwards.put(ref, "")
    return {"project": ref.name, "was": before}


async def forwards(world: World, request: Nothing) -> Items:
    """Where each project's messages go, and who is attached."""
    found = [(ref, target_of(world, ref)) for ref in engine_of(world).view().rows
             if ref.kind == KIND]  # fmt: skip
    return {"items": [_where(world, ref, target) for ref, target in sorted(found) if target]}


async def attach(world: World, request: Attach) -> AsyncIterator[Json]:
    """`{"attached": NAME}` once the name is this terminal's; then messages as they come, each to
    be confirmed by `terminal.shown`."""
    name = _name(request.name)
    with house_of(world).terminals.attached(name) as following:
        yield {"attached": name}
        while True:
            each = await following()
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


def _meant(world: World, name: str) -> str:
    """The project whose companion is called so, as lists show it; else the name itself."""
    projects = (ref.name for ref in engine_of(world).view().rows if ref.kind == KIND)
    return next((each for each in projects if ci_name(each) == name), name)


def _where(world: World, ref: Ref, target: str) -> Json:
    """`companion`: whether a project is called so, whose companion answers for want of a person."""
    return {
        "project": ref.name, "target": target,
        "attached": target in house_of(world).terminals.names,
        "companion": Ref(KIND, target) in engine_of(world).view().rows,
    }  # fmt: skip


def _name(given: str) -> str:
    if not is_name(given):
        raise InvalidInput(f"{given!r} is no name of a terminal or a project: a-z, 0-9 and - only")
    return given


def _project(world: World, word: str) -> Ref:
    """The project that a person means. InvalidInput: none, or several."""
    rows = engine_of(world).view().rows
    titles = {ref.name: str(row.resource.spec.get("project") or "")
              for ref, row in rows.items() if ref.kind == KIND}  # fmt: skip
    return Ref(KIND, the_project(word, titles))
