"""Forging: the version before of what a model wrote, and another try at a prompt. A person's verbs.

A rollback is itself a pinned state: it is kept until the prompt changes, and what was approved once
needs no second word.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from p42.ai.forge.place import PRIVATE, Places
from p42.ai.forge.sheet import difference, without_status
from p42.api.asking import asks
from p42.api.house import engine_of, house_of
from p42.api.words import must_exist, ref_of
from p42.model.errors import InvalidInput
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.resource import Resource
from p42.model.status import Status
from p42.scripts.lock import Lock, Tests, left_out, name_of, parse, render, rolled_back
from p42.scripts.notes import FORGED_BY
from p42.scripts.reply import Unfit

SETTLED = 10.0  # s; what was tested once is there at once, and a test may take longer than anybody


class Changed(TypedDict):
    """The file that was changed, and what that does to the script."""

    ref: str
    file: str
    diff: str
    to: str  # which version of its lock that is; "" = there is but one other
    dropped: int  # of its earlier versions, the oldest: its file has no room for them


class RolledBack(Changed):
    """And how it stands then. `inForce`: what is declared now is what runs."""

    inForce: bool
    reason: str
    message: str


@asks
class Of:
    """`ref` is a command, as KIND/NAME."""

    ref: str


@asks
class Into:
    """`agent` by its bare name; `into` is the absolute path of a directory."""

    agent: str
    into: str


class Held(TypedDict):
    """The directory, as it was named."""

    into: str


async def into(world: World, request: Into) -> Held:
    """Whether what `agent` makes could be declared there; the forge looks again. Says why not."""
    agent = world.registry.get(Ref("Agent", request.agent))
    if agent is not None and not agent.facts.get("forge"):
        raise InvalidInput(
            f"agent/{request.agent} makes no commands; ask one that says forge: true"
        )
    await asyncio.to_thread(_places(world).within, request.into)
    return {"into": request.into}


async def rollback(world: World, request: Of) -> RolledBack:
    """Go back to the version before, and say whether it is in force then.

    Another rollback undoes it.
    """
    resource = _command(world, request.ref)
    if "prompt" in resource.spec:
        changed = await asyncio.to_thread(_unpin, world, resource)
    elif FORGED_BY in resource.annotations:
        changed = await asyncio.to_thread(_put_back, world, resource)
    else:
        raise _not_forged(resource)
    return await _standing(world, resource.ref, changed)


async def _standing(world: World, ref: Ref, changed: Changed) -> RolledBack:
    """`changed`, and what came of it within a few seconds."""
    engine = engine_of(world)
    stands = False
    await engine.reread(ref)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLED):
            await engine.settle({ref})
    if (row := engine.row(ref)) is not None and not row.gone:
        stands = await engine.in_force(row.resource)
    status = row.status if row is not None else Status("Unknown", "Deleting")
    return {**changed, "inForce": stands, "reason": status.reason, "message": status.text}


def _not_forged(resource: Resource) -> InvalidInput:
    return InvalidInput(
        f"command/{resource.ref.name} was not forged: {resource.place} is yours, and git has its "
        "history"
    )


async def forge(world: World, request: Of) -> Changed:
    """Forge a prompt once more. The command stays as it is until the new one is approved."""
    resource = _command(world, request.ref)
    ref = resource.ref
    if "prompt" not in resource.spec:
        raise InvalidInput(f"command/{ref.name} has no prompt to forge: {resource.place}")
    was = await asyncio.to_thread(world.pins.look, ref)
    lock = replace(_read(ref, was), again=secrets.token_hex(4))
    await asyncio.to_thread(_write, world, ref, lock, was)
    return {"ref": str(ref), "file": str(_file(resource)), "diff": "", "to": "", "dropped": 0}


def _places(world: World) -> Places:
    return Places(world.home, world.files, lambda: engine_of(world).sources)


def _command(world: World, text: str) -> Resource:
    ref = ref_of(house_of(world).kinds, text)
    if ref.kind != "Command":
        raise InvalidInput(f"{text} is no command; only commands are forged")
    rows = engine_of(world).view().rows
    must_exist((ref,), [each for each, row in rows.items() if not row.gone])
    return rows[ref].resource


def _file(resource: Resource) -> Path:
    return Path(resource.place.file).parent / name_of(resource.ref.name)


def _read(ref: Ref, data: bytes | None) -> Lock:
    try:
        return parse(data or b"")
    except Unfit as error:
        raise InvalidInput(f"{name_of(ref.name)}: {error}; mend it, or delete it") from None


def _write(world: World, ref: Ref, lock: Lock, was: bytes | None) -> int:
    """How many of its versions found no room."""
    data = render(ref.name, lock)
    world.pins.write(ref, data, was=was)
    return left_out(lock, data)


def _unpin(world: World, resource: Resource) -> Changed:
    ref, was = resource.ref, world.pins.look(resource.ref)
    old = _read(ref, was)
    try:
        spec = resource.spec
        tests = _tests(world, resource)
        new = rolled_back(old, spec["prompt"], spec.get("language"), tests)
    except Unfit as error:
        raise InvalidInput(f"command/{ref.name}: {error}") from None
    dropped = _write(world, ref, new, was)
    to = new.current.title if new.current is not None else ""
    parts = difflib.unified_diff(
        _script(old), _script(new), f"a/commands/{ref.name}", f"b/commands/{ref.name}"
    )
    return {"ref": str(ref), "file": str(_file(resource)), "diff": "".join(parts), "to": to,
            "dropped": dropped}  # fmt: skip


def _tests(world: World, resource: Resource) -> Tests:
    """The manifest's tests, as its kind puts them into a lock: without what is left to default."""
    spec = house_of(world).kinds[resource.ref.kind].spec
    made = spec.model_validate_json(json.dumps(resource.spec))
    told = made.model_dump(mode="json", by_alias=True, include={"tests"}, exclude_defaults=True)
    return tuple(told.get("tests", ()))


def _script(lock: Lock) -> list[str]:
    return lock.current.source.splitlines(keepends=True) if lock.current is not None else []


def _put_back(world: World, resource: Resource) -> Changed:
    """Of a manifest from a conversation: it and the one it replaced change places."""
    place = _places(world).at(resource.place.file)
    ref, target, files = resource.ref, place.file, place.files
    now, before = files.look(target), files.look(place.spare)
    if now is None or before is None:
        raise InvalidInput(f"command/{ref.name}: no earlier version of it is kept")
    old, new = without_status(now.data.decode()), without_status(before.data.decode())
    if not files.swap(target, new.encode(), was=now.data, mode=now.mode):
        raise InvalidInput(f"{target} was changed meanwhile; look at it and try again")
    files.place(place.spare, now.data, mode=PRIVATE)
    return {"ref": str(ref), "file": str(target), "diff": difference(place.shown, old, new),
            "to": "", "dropped": 0}  # fmt: skip
