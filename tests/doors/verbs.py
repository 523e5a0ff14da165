"""A small table of verbs for the doors: each does one thing a real one may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from p42.api.asking import Nothing, asks
from p42.api.verbs import AnyVerb
from p42.model.diagnostic import Diagnostic
from p42.model.errors import InvalidInput, TimedOut
from p42.model.verb import Door, Effect, Last, Verb

BOTH = frozenset(Door)


@asks
class Text:
    text: str = ""


@asks
class Count:
    parts: int = 3


class Gate:
    """`hold` answers when `opened` is set; `held` tells that a request waits there."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.held = asyncio.Semaphore(0)
        self.cancelled = asyncio.Event()
        self.asked = 0

    async def hold(self, world: Any, request: Nothing) -> dict[str, bool]:
        self.asked += 1
        self.held.release()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return {"opened": True}


async def _echo(world: Any, request: Text) -> dict[str, str]:
    return {"text": request.text}


async def _large(world: Any, request: Count) -> dict[str, str]:
    return {"text": "x" * request.parts}


async def _bug(world: Any, request: Nothing) -> None:
    raise ZeroDivisionError("only in the log")


async def _refuse(world: Any, request: Nothing) -> None:
    found = Diagnostic("a.yaml", 3, 5, "spec.x", "error", "unknown-field", "no such field")
    raise InvalidInput("a.yaml does not hold", diagnostics=[found])


async def _late(world: Any, request: Nothing) -> None:
    raise TimedOut("not within 1 s")


async def _count(world: Any, request: Count) -> AsyncIterator[Any]:
    for number in range(request.parts):
        yield {"number": number}
    yield Last({"counted": request.parts})


async def _for_ever(world: Any, request: Nothing) -> AsyncIterator[Any]:
    while True:
        yield {"text": "x" * 1000}


def table(gate: Gate) -> dict[str, AnyVerb]:
    async def watch(world: Any, request: Nothing) -> AsyncIterator[Any]:
        yield {"watching": True}
        yield Last(await gate.hold(world, request))

    read, control = Effect.READ, frozenset({Door.CONTROL})
    verbs: list[AnyVerb] = [
        Verb("echo", "", Text, dict, read, BOTH, _echo),
        Verb("large", "", Count, dict, read, BOTH, _large),
        Verb("hold", "", Nothing, dict, read, BOTH, gate.hold),
        Verb("bug", "", Nothing, dict, read, BOTH, _bug),
        Verb("refuse", "", Nothing, dict, read, BOTH, _refuse),
        Verb("late", "", Nothing, dict, read, BOTH, _late),
        Verb("count", "", Count, dict, read, BOTH, _count, streams=True),
        Verb("for-ever", "", Nothing, dict, read, BOTH, _for_ever, streams=True),
        Verb("watch", "", Nothing, dict, read, BOTH, watch, streams=True),
        Verb("talk", "", Text, dict, Effect.WRITE, BOTH, _echo),
        Verb("private", "", Text, dict, Effect.PERSON, control, _echo),
    ]
    return {verb.name: verb for verb in verbs}
