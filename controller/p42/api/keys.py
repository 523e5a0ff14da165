"""Keys: a person hands over, forgets and finds the secrets that manifests only name.

Control socket alone. A value comes in and never goes out: no verb here answers with one.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, TypedDict

from p42.api.asking import Nothing, asks
from p42.model.errors import InvalidInput
from p42.model.ports import World
from p42.model.secret import Secret
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.plain import MAX_KEY


class Where(TypedDict):
    """`chosen` is keys.store. `inUse` and `message` are for people; the rest tells of keys.age."""

    chosen: str
    inUse: str
    message: str
    keychain: str
    file: str
    exists: bool
    unlocked: bool


class Stored(TypedDict):
    """`where` took it, for a person: the keychain's name, or the path of keys.age."""

    reference: str
    where: str


class Forgotten(TypedDict):
    """`found`: whether there was anything to forget."""

    reference: str
    found: bool


@asks
class Store:
    """`reference` is keychain:SERVICE/ACCOUNT. `store` auto = what keys.store says."""

    reference: str
    value: str = field(repr=False)
    store: Literal["auto", "keychain", "file"] = "auto"


@asks
class Reference:
    """keychain:SERVICE/ACCOUNT."""

    reference: str


@asks
class Unlock:
    """For keys.age; where there is none yet, it is made with this passphrase."""

    passphrase: str = field(repr=False)


async def where(world: World, request: Nothing) -> Where:
    """Which store is in use, and how it stands."""
    found = await _keys(world).where()
    file = found.exists or found.chosen == "file"
    uses = [found.keychain or "no keychain"] * (found.chosen != "file") + [found.file] * file
    return {
        "chosen": found.chosen, "inUse": ", ".join(uses), "message": found.why,
        "keychain": found.keychain, "file": found.file,
        "exists": found.exists, "unlocked": found.unlocked,
    }  # fmt: skip


async def store(world: World, request: Store) -> Stored:
    """Keep a key. What was there before is gone."""
    value = request.value.strip()
    if not value:
        raise InvalidInput("the key is empty; nothing was stored")
    if len(value) > MAX_KEY:
        raise InvalidInput("this is too long for a key; nothing was stored")
    took = await _keys(world).put(request.reference, Secret(value), store=request.store)
    return {"reference": request.reference, "where": took}


async def forget(world: World, request: Reference) -> Forgotten:
    """Remove a key from wherever p42 keeps it."""
    found = await _keys(world).drop(request.reference)
    return {"reference": request.reference, "found": found}


async def unlock(world: World, request: Unlock) -> Where:
    """Open keys.age until the daemon ends."""
    if not request.passphrase:
        raise InvalidInput("the passphrase is empty")
    await _keys(world).unlock(Secret(request.passphrase))
    return await where(world, Nothing())


def _keys(world: World) -> SystemKeys:
    """The port, typed: to hand over and forget is not for kinds, so the port has no word for it."""
    keys: Any = world.keys
    found: SystemKeys = keys
    return found
