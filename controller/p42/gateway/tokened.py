"""Tokened: a door whose requests each show a token (`gateway.auth = token`).

    {"type": "possess", "id": "1", "payload": {...}, "token": "p42_..."}

The tokens are those of the HTTP door, looked at in the same way: unknown, revoked, expired and a
child's own are refused; each use is noted; what a request has under way ends with its token. The
token goes no further than here: no verb, log or session sees it.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from p42.gateway.dispatch import Dispatch, Send, refusal
from p42.model.errors import Exit, P42Error
from p42.model.ports import Clock
from p42.model.tokens import ADMIN, Token
from p42.model.verb import Effect
from p42.stores.tokens import SqliteTokens
from p42.wire.port42 import Request, failure

# What the gateway's verbs can do is talk to an agent, or end that: `agents`, as it is over HTTP.
SCOPES = {Effect.READ: "read", Effect.WRITE: "agents", Effect.PERSON: ADMIN}
HOW = "p42 token create --scope read,agents"
MISSING = (
    'this gateway asks for a token (gateway.auth is token): send "token": "p42_..." beside type '
    f"and id; {HOW} makes one"
)
UNKNOWN = f"this token is unknown, revoked or expired; {HOW} makes one"


class Holding(Protocol):
    """Ends what is open under a key when the key ends."""

    def under(
        self, *keys: Hashable, seconds: float | None = None
    ) -> AbstractAsyncContextManager[None]:
        """The block, until one of `keys` ends or `seconds` are over: then P42Error is raised."""


@dataclass(frozen=True, slots=True)
class Book:
    """The tokens there are, and what is open under them by their ids."""

    tokens: SqliteTokens
    holds: Holding
    clock: Clock


class Tokened:
    """Stands before a Dispatch."""

    def __init__(self, dispatch: Dispatch, book: Book) -> None:
        self._dispatch, self._book = dispatch, book

    async def answer(self, request: Request, send: Send) -> None:
        """As the dispatch does, if the token may; the last line sent is the reply."""
        token = self._book.tokens.find(request.token) if request.token else None
        why = self._forbids(request, token)
        if token is None or why:
            await send(failure(request.id, why, {"code": Exit.FAILED}))
            return
        try:
            async with self._book.holds.under(token.id, seconds=self._left(token)):
                await self._book.tokens.used(token)
                await self._dispatch.answer(replace(request, token=""), send)
        except P42Error as error:  # the token's end; the dispatch has answered all else
            await send(refusal(request.id, error))

    def _left(self, token: Token) -> float | None:
        """Seconds it is still good for; None = for ever."""
        if token.expires is None:
            return None
        return max(0.0, token.expires - self._book.clock.now())

    def _forbids(self, request: Request, token: Token | None) -> str:
        """Why it may not ask this; "" = it may."""
        if token is None:
            return UNKNOWN if request.token else MISSING
        if token.bound is not None:
            return f"the token of {token.bound.agent} is for asking models alone"
        effect = self._dispatch.effect_of(request.type)  # None: the dispatch will say so
        scope = "" if effect is None else SCOPES[effect]
        if not scope or token.may(scope):
            return ""
        return f"this token has no scope {scope}, which {request.type} needs; {HOW} makes one"
