"""Companions: what they ask, and what is asked about them: the table of `top`, a close look."""

from __future__ import annotations

import asyncio
import time
from typing import Any, TypedDict

import psutil

from p42.api.asking import Nothing, asks
from p42.api.house import engine_of, house_of
from p42.api.shapes import Items, Json, when
from p42.api.telling import tail_of
from p42.model.errors import P42Error
from p42.model.plan import Instant
from p42.model.ports import Unit, World
from p42.model.refs import Ref

MESSAGES, LINES = 5, 5  # what `describe` shows of each


class Completion(TypedDict):
    """What the model said."""

    text: str


@asks
class Answer:
    """A companion's chat message. `token` is its own, drawn with its port; nobody else's counts."""

    project: str
    token: str
    content: str


async def answer(world: World, request: Answer) -> Completion:
    """Ask the companion's model. It holds no key and learns none."""
    ref = house_of(world).owner(request.token)
    if ref is None or ref.name != request.project:
        raise P42Error("this token belongs to no companion")
    row = engine_of(world).view().rows.get(ref)
    spec = row.resource.spec if row is not None else {}
    named = spec.get("agentRef") or spec.get("accountRef")
    missing = "accounts are registered only, and no provider is called by this version of p42"
    if not named:
        missing += f"; {ref} names neither agentRef nor accountRef, it needs one of them as well"
    raise P42Error(f"no model can be called yet: {missing}")


async def top(world: World, request: Nothing) -> Items:
    """Every socket p42 holds, the awake ones first, with what their processes use."""
    units = house_of(world).units()
    rows = await asyncio.to_thread(lambda: [_row(ref, unit) for ref, unit in units.items()])
    return {"items": sorted(rows, key=lambda row: (not row["pid"], -row["memory"], row["name"]))}


def _row(ref: Ref, unit: Unit) -> Json:
    return {
        "kind": ref.kind, "name": ref.name, "port": unit.port, "state": unit.state,
        "pid": unit.pid or None, "starts": unit.starts, "crashes": unit.crashes,
        "uptime": max(0.0, time.time() - unit.since) if unit.pid else 0.0, **usage(unit.pid),
    }  # fmt: skip


def usage(pid: int) -> dict[str, Any]:
    """Resident bytes that are its own (shared pages of the zygote left out) and seconds of CPU.

    Blocking: 0.1 ms a process.
    """
    if not pid:
        return {"memory": 0, "cpu": 0.0}
    try:
        process = psutil.Process(pid)
        full, times = process.memory_full_info(), process.cpu_times()
    except psutil.Error:
        return {"memory": 0, "cpu": 0.0}
    return {"memory": getattr(full, "uss", full.rss), "cpu": times.user + times.system}


async def companion(world: World, ref: Ref) -> Json:
    """The part of `describe` about a socket and its child; {} for what has none."""
    house = house_of(world)
    unit = house.units().get(ref)
    if unit is None:
        return {}
    probe = await world.units.probe(ref) if unit.pid else None
    used = await asyncio.to_thread(usage, unit.pid)
    log = await asyncio.to_thread(tail_of, log_path(world, ref), LINES)
    messages = await asyncio.to_thread(house.messages, ref, MESSAGES)
    return {
        "process": {
            "state": unit.state, "endpoint": f"127.0.0.1:{unit.port}", "pid": unit.pid or None,
            "since": when(Instant(unit.since)) if unit.pid else None,
            "uptime": time.time() - unit.since if unit.pid else None,
            "starts": unit.starts, "crashes": unit.crashes, "lastExit": unit.last_exit,
            "draining": unit.draining, **used,
            "probe": None if probe is None else {
                "latencyMs": round(probe.latency * 1000, 3), "clients": probe.clients,
                "requests": probe.requests,
            },
        },
        "messages": messages, "log": log,
    }  # fmt: skip


def log_path(world: World, ref: Ref) -> Any:
    """Where a child of `ref` writes."""
    return world.home / "logs" / "units" / f"{ref.kind.lower()}-{ref.name}.log"
