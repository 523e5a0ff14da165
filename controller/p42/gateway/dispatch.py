"""Dispatch: one request to its verb and back to reply lines. Where a door meets the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol

import orjson

from p42.api import asking
from p42.api.shapes import diagnostics
from p42.api.verbs import VERBS, AnyVerb
from p42.engine.bugs import caught
from p42.model.errors import Exit, InvalidInput, P42Error
from p42.model.ports import World
from p42.model.verb import Door, Effect, Last
from p42.stores.keys.redaction import Redactor
from p42.wire.port42 import Request, encode, failure, part, success

Send = Callable[[bytes], Awaitable[None]]  # waits while the client reads too slowly
BUG = "this is a bug in p42; `p42 logs daemon` has the traceback, please report it"


class Answers(Protocol):
    """Answers requests: a Dispatch, or what stands before some."""

    async def answer(self, request: Request, send: Send) -> None:
        """Do it; the last line sent is the reply."""


class Dispatch:
    """The verbs of one door. `world` carries engine and house.

    `forbids` says why one who came in may not ask a verb of the door; "" = may. `redactor` takes
    secrets out of every line, whatever verb or error it came from.
    """

    def __init__(
        self,
        world: World,
        door: Door,
        verbs: Mapping[str, AnyVerb] = VERBS,
        *,
        forbids: Callable[[AnyVerb], str] = lambda _: "",
        redactor: Redactor | None = None,
    ) -> None:
        self._world, self._forbids = world, forbids
        self._redactor = redactor or Redactor()
        self._verbs, self._door = verbs, door

    @property
    def names(self) -> frozenset[str]:
        """The verbs this door carries."""
        return frozenset(name for name, verb in self._verbs.items() if self._door in verb.doors)

    def is_open(self, name: str) -> bool:
        """Whether asking the verb of that name tells nothing of people, and costs and does nothing.

        One that is not of this door does nothing either.
        """
        verb = self._verbs.get(name)
        if verb is None or self._door not in verb.doors:
            return True
        return verb.effect is Effect.READ and not verb.private

    def effect_of(self, name: str) -> Effect | None:
        """What asking the verb of that name does; None = it is not of this door."""
        verb = self._verbs.get(name)
        return None if verb is None or self._door not in verb.doors else verb.effect

    async def answer(self, request: Request, send: Send) -> None:
        """Do it; the last line sent is the reply. A bug of a verb is told as one and logged."""
        clean = self._cleaning(send)
        with caught(f"answering {request.type!r}") as result:
            await clean(await self._do(request, clean))
        if isinstance(result.error, P42Error):
            await clean(refusal(request.id, result.error))
        elif result.error is not None:
            await clean(failure(request.id, BUG, {"code": Exit.FAILED}))

    def _cleaning(self, send: Send) -> Send:
        async def clean(line: bytes) -> None:
            if self._redactor.finds(line):
                line = encode(self._redactor.clean_value(orjson.loads(line)))
            await send(line)

        return clean

    async def _do(self, request: Request, send: Send) -> bytes:
        verb = self._verbs.get(request.type)
        if verb is None or self._door not in verb.doors:
            return failure(request.id, f"Unknown request type: {request.type}")
        if why := self._forbids(verb):
            return failure(request.id, why, {"code": Exit.FAILED})
        asked = asking.read(verb, request)
        if not verb.streams:
            return success(request.id, await verb.do(self._world, asked))  # type: ignore[misc]
        return await self._stream(verb, asked, request, send)

    async def _stream(self, verb: AnyVerb, asked: Any, request: Request, send: Send) -> bytes:
        parts: Any = verb.do(self._world, asked)
        async with aclosing(parts):
            async for each in parts:
                if isinstance(each, Last):
                    return success(request.id, each.reply)
                if request.stream:
                    await send(part(request.id, each))
        raise AssertionError(f"verb {verb.name} ended without a Last")


def refusal(name: str, error: P42Error) -> bytes:
    """An error that is the caller's, or the world's: its sentence, its code, its places."""
    further: dict[str, Any] = {"code": error.code}
    if isinstance(error, InvalidInput) and error.diagnostics:
        further["diagnostics"] = diagnostics(error.diagnostics)
    return failure(name, str(error), further)
