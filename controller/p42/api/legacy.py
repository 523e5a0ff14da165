"""Legacy: the request types of the original Port 42 daemon, answered as it did.

Shapes and order of keys are wire.md 2.2; clients grep the bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import orjson

from p42.api.asking import Nothing, asks
from p42.api.house import house_of
from p42.api.minds import must_answer
from p42.model.completion import Text
from p42.model.errors import InvalidInput
from p42.model.ports import World
from p42.model.session import Session, is_of_project
from p42.model.talk import OWN_MODEL, Said, Say
from p42.model.verb import Last

DOLPHINS = "🐬🐬🐬 laughing in the digital waves"
CRYSTAL = "Session crystallized. The dolphins remember..."
NEVER = "0001-01-01T00:00:00Z"  # Go's zero time
ONE_READ = 3900  # bytes: clients of the original read a reply at once, into 4,096
NANO = 10**9  # nanoseconds in a second, which Go counts in
LATEST = 64  # sessions that are looked at for the summaries; no more fit


class Swimming(TypedDict):
    """`port` is text, `sessions` counts active conversations, `uptime` is a Go duration."""

    status: str
    port: str
    sessions: int
    uptime: str
    dolphins: str


class Commands(TypedDict):
    """File names in the commands directory, sorted."""

    commands: list[str]


class Possessed(TypedDict):
    """Sorted keys, as the original's. The `command_` ones only when a command came of it, or none
    did that was meant to: `command_problem`, in a sentence, which the original did not have."""

    agent: str
    command_generated: NotRequired[bool]
    command_problem: NotRequired[str]
    command_spec: NotRequired[dict[str, Any]]
    message: str
    session_id: str


class Ended(TypedDict):
    """Also for a session nobody knows."""

    message: str


class Stats(TypedDict):
    """Over all sessions."""

    total_sessions: int
    commands_generated: int
    active_sessions: int
    last_session_time: str


class Memory(TypedDict):
    """Summaries, the latest first, as many as fit into one read; `active_count` counts all.

    The recent ones are the latest of all, active or not: the original's clients look there alone
    for the conversation to go on with.
    """

    active_count: int
    active_sessions: list[dict[str, Any]]
    recent_sessions: list[dict[str, Any]]
    stats: Stats
    uptime: str


@asks
class Possess:
    """`id` is the request's, and the session's. `agent` may carry `@` or `@ai-`.

    `model`: the session keeps it; "" or `default` is the agent's own again.
    """

    id: str = ""
    agent: str = ""
    message: str = ""
    model: str | None = None


@asks
class End:
    """The session's id."""

    id: str = ""


async def status(world: World, request: Nothing) -> Swimming:
    """Alive, where and since when."""
    house = house_of(world)
    return {
        "status": "swimming", "port": str(house.doors.port or 0),
        "sessions": world.sessions.active(),
        "uptime": go_duration(world.clock.monotonic() - house.started), "dolphins": DOLPHINS,
    }  # fmt: skip


async def commands(world: World, request: Nothing) -> Commands:
    """What is in `commands/`."""
    return {"commands": await asyncio.to_thread(_files, world.home / "commands")}


async def ping(world: World, request: Nothing) -> None:
    """Nothing but success."""


async def possess(
    world: World, request: Possess
) -> AsyncIterator[dict[str, Any] | Last[Possessed]]:
    """Say something to an agent, in the session that the request's id names."""
    must_answer(world, request.agent, known=False)
    model = "" if request.model is None else request.model or OWN_MODEL
    say = Say(request.agent, request.message, session=request.id, model=model)
    talk: Any = world.talks.say(say)
    async with aclosing(talk) as spoken:
        async for piece in spoken:
            if isinstance(piece, Said):
                yield Last(_possessed(request, piece))
            elif isinstance(piece, Text):
                yield {"text": piece.text}


def _possessed(request: Possess, said: Said) -> Possessed:
    made = next((each for each in said.forged if each.file), None)
    found: Possessed = {"agent": request.agent}  # type: ignore[typeddict-item]
    if made is not None:
        found["command_generated"] = True
        found["command_spec"] = dict(made.spec)
    elif said.forged:
        found["command_problem"] = said.forged[0].problem
    found["message"] = said.answer.reply.text
    found["session_id"] = said.session
    return found


async def end(world: World, request: End) -> Ended:
    """The conversation is over, and stays so over restarts until somebody goes on with it."""
    if is_of_project(request.id):
        raise InvalidInput(f"session {request.id!r} belongs to the socket of a project")
    if request.id:
        await world.sessions.change(request.id, ended=True)
    return {"message": CRYSTAL}


async def memory(world: World, request: Nothing) -> Memory:
    """The conversations there are, in short."""
    house, now = house_of(world), world.clock.now()
    tally, count = await world.sessions.tally(), world.sessions.active()
    stats: Stats = {
        "total_sessions": tally.sessions, "commands_generated": tally.commands,
        "active_sessions": count,
        "last_session_time": NEVER if tally.last is None else _time(tally.last),
    }  # fmt: skip
    reply: Memory = {
        "active_count": count, "active_sessions": [], "recent_sessions": [], "stats": stats,
        "uptime": go_duration(world.clock.monotonic() - house.started, exact=True),
    }  # fmt: skip
    found = await world.sessions.list(archived=True, limit=LATEST)
    recent = [summary_of(each, now) for each in found]
    active = [each for each in recent if each["state"] == "active"]
    room = ONE_READ - len(orjson.dumps(reply))
    for pair in zip_longest(recent, active):  # side by side: both have their share
        lists = (reply["recent_sessions"], reply["active_sessions"])
        for summary, listed in zip(pair, lists, strict=True):
            if summary is not None:
                room -= len(orjson.dumps(summary)) + 1
                if room < 0:
                    return reply
                listed.append(summary)
    return reply


def summary_of(session: Session, now: Any) -> dict[str, Any]:
    """One session as later clients of the original see it."""
    return {
        "id": session.id, "date": time.strftime("%Y-%m-%d", time.localtime(session.created)),
        "slug": "", "agent": session.agent, "command_generated": bool(session.command),
        "state": session.state(now), "file": "", "created_at": _time(session.created),
        "last_activity": _time(session.last), "message_count": session.messages,
    }  # fmt: skip


def _time(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")


def go_duration(seconds: float, *, exact: bool = False) -> str:
    """As Go's time.Duration.String prints it: `2s`, `1m2s`, `3h0m1s`; rounded to seconds.

    `exact`: to the nanosecond: `1m50.852998364s`, and `814.39ms` below a second.
    """
    whole = max(0, round(seconds * NANO) if exact else round(seconds) * NANO)
    if 0 < whole < NANO:
        size, unit = next((s, u) for s, u in ((10**6, "ms"), (1000, "µs"), (1, "ns")) if whole >= s)
        return f"{_decimal(whole, size)}{unit}"
    minutes, rest = divmod(whole, 60 * NANO)
    hours, minutes = divmod(minutes, 60)
    said = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{said}{_decimal(rest, NANO)}s"


def _decimal(count: int, size: int) -> str:
    """`count / size`, `size` a power of ten, in all its digits but zeros at the end."""
    whole, part = divmod(count, size)
    digits = str(part).zfill(len(str(size)) - 1).rstrip("0") if part else ""
    return f"{whole}.{digits}" if digits else str(whole)


def _files(directory: Path) -> list[str]:
    try:
        return sorted(each.name for each in directory.iterdir() if each.is_file())
    except FileNotFoundError:
        return []
