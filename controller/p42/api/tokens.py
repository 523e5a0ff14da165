"""Tokens: keys to the HTTP door, for the person: made, listed, revoked. A secret is shown once."""

from __future__ import annotations

from typing import TypedDict

from p42.api.asking import Nothing, asks
from p42.api.house import house_of
from p42.api.shapes import Items, Json, when
from p42.model.errors import InvalidInput
from p42.model.ports import World
from p42.model.tokens import Token

LONGEST_NAME = 64  # characters
SHORTEST, LONGEST = 1.0, 3650 * 86400.0  # s a token may live; past ten years it is a slip


class Created(TypedDict):
    """`token` is the secret: p42 keeps its digest alone and cannot show it again."""

    id: str
    token: str
    scopes: list[str]
    expires: str | None


class Revoked(TypedDict):
    """It is refused from now on."""

    id: str
    name: str


@asks
class Create:
    """`expires` in seconds from now; null = until it is revoked."""

    scopes: tuple[str, ...]
    name: str = ""
    expires: float | None = None


@asks
class Revoke:
    """`id`, or the only one that begins so."""

    id: str


async def create(world: World, request: Create) -> Created:
    """Make one."""
    _check(request)
    made, secret = await house_of(world).tokens.create(
        name=request.name, scopes=request.scopes, lifetime=request.expires
    )
    return {
        "id": made.id, "token": secret, "scopes": list(made.scopes), "expires": when(made.expires),
    }  # fmt: skip


async def listing(world: World, request: Nothing) -> Items:
    """All of the person's, without their secrets."""
    return {"items": [_item(token) for token in house_of(world).tokens.all()]}


async def revoke(world: World, request: Revoke) -> Revoked:
    """End it, and what it has open."""
    token = await house_of(world).tokens.revoke(request.id)
    return {"id": token.id, "name": token.name}


def _check(request: Create) -> None:
    if len(request.name) > LONGEST_NAME or not request.name.isprintable():
        raise InvalidInput(f"name: at most {LONGEST_NAME} printable characters")
    # A NaN is in no range.
    if request.expires is not None and not SHORTEST <= request.expires <= LONGEST:
        raise InvalidInput("expires: from 1s to 3650d; without it, the token holds until revoked")


def _item(token: Token) -> Json:
    return {
        "id": token.id, "name": token.name, "scopes": list(token.scopes),
        "created": when(token.created), "expires": when(token.expires),
        "lastUsed": when(token.last_used),
    }  # fmt: skip
