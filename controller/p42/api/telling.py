"""Telling: what happened (events) and what was said (logs)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p42.api.asking import asks
from p42.api.house import engine_of, house_of
from p42.api.shapes import Json, when
from p42.api.words import must_exist, ref_of
from p42.model.errors import InvalidInput, P42Error
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.verb import Last

if TYPE_CHECKING:
    from p42.stores.event import Event

MOST_EVENTS = 1000
MOST_LINES = 10_000
TAIL = 1 << 20  # bytes; more is for an editor
POLL = 0.25  # s between two looks at a followed log; a person reads slower


@asks
class Events:
    """Of one resource (KIND/NAME), None = of all; the last `limit`, then, if `follow`, the next."""

    ref: str | None = None
    limit: int = 50
    follow: bool = False


@asks
class Logs:
    """`target` is KIND/NAME or `daemon`; `messages`: what a companion was sent and answered."""

    target: str
    lines: int = 100
    follow: bool = False
    messages: bool = False


async def events(world: World, request: Events) -> AsyncIterator[Json | Last[Json]]:
    """Oldest first."""
    house = house_of(world)
    ref = None if request.ref is None else ref_of(house.kinds, request.ref)
    past = recent(world, ref, _within(request.limit, MOST_EVENTS, "limit"))
    if not request.follow:
        yield Last({"items": past})
        return
    following: Any = house.events.follow()
    async with aclosing(following) as coming:
        for each in past:
            yield each
        async for event in coming:
            if ref is None or event.ref == ref:
                yield event_json(event)
    yield Last({"items": []})


def recent(world: World, ref: Ref | None, limit: int) -> list[Json]:
    """The last events of `ref`, oldest first."""
    return [event_json(event) for event in house_of(world).events.recent(ref, limit)]


def event_json(event: Event) -> Json:
    """One event; `count` tells how often it came in a row, `since` when the first did."""
    about = {} if event.ref is None else {"kind": event.ref.kind, "name": event.ref.name}
    return {
        "at": when(event.last), **about, "reason": event.reason, "message": event.message,
        "warning": event.warning, "count": event.count, "since": when(event.first),
    }  # fmt: skip


async def logs(world: World, request: Logs) -> AsyncIterator[Json | Last[Json]]:
    """`{"line": TEXT}` each."""
    path = _log_of(world, request.target, messages=request.messages)
    lines = _within(request.lines, MOST_LINES, "lines")
    said, end = await asyncio.to_thread(_tail, path, lines)
    if not request.follow:
        yield Last({"lines": said})
        return
    for line in said:
        yield {"line": line}
    while True:
        await world.clock.sleep(POLL)
        said, end = await asyncio.to_thread(_more, path, end)
        for line in said:
            yield {"line": line}


def _log_of(world: World, target: str, *, messages: bool) -> Path:
    directory = world.home / "logs"
    if target.casefold() == "daemon":
        return directory / "daemon.log"
    ref = ref_of(house_of(world).kinds, target)
    must_exist([ref], engine_of(world).view().rows)
    name = f"{ref.kind.lower()}-{ref.name}"
    if ref not in house_of(world).units():
        raise P42Error(f"{ref} has no process and so no log; see: p42 events {target}")
    if messages:
        return directory / "messages" / f"{name}.jsonl"
    return directory / "units" / f"{name}.log"


def tail_of(path: Path, lines: int) -> list[str]:
    """The last lines of a log; [] if there is none. Blocking."""
    return _tail(path, lines)[0]


def _tail(path: Path, lines: int) -> tuple[list[str], int]:
    """The last lines, and the offset after them."""
    try:
        with path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(0, end - TAIL))
            whole = log.read(min(end, TAIL))
    except FileNotFoundError:
        return [], 0
    kept = whole[: whole.rfind(b"\n") + 1]
    split = kept.decode(errors="replace").splitlines()
    return split[-lines:], end - (len(whole) - len(kept))


def _more(path: Path, end: int) -> tuple[list[str], int]:
    """Whole lines after `end`; a log that became shorter was rotated and is read from its start."""
    try:
        with path.open("rb") as log:
            if os.fstat(log.fileno()).st_size < end:
                end = 0
            log.seek(end)
            fresh = log.read(TAIL)
    except FileNotFoundError:
        return [], 0
    kept = fresh[: fresh.rfind(b"\n") + 1]
    return kept.decode(errors="replace").splitlines(), end + len(kept)


def _within(value: int, most: int, name: str) -> int:
    if not 0 < value <= most:
        raise InvalidInput(f"{name} is {value}; it goes from 1 to {most}")
    return value
