"""Legacy: the request types of the original Port 42 daemon, answered as it did.

Shapes and order of keys are wire.md 2.2; clients grep the bytes.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypedDict

from p42.api.asking import Nothing
from p42.api.house import house_of
from p42.model.ports import World

DOLPHINS = "🐬🐬🐬 laughing in the digital waves"


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


async def status(world: World, request: Nothing) -> Swimming:
    """Alive, where and since when."""
    house = house_of(world)
    return {
        "status": "swimming", "port": str(house.doors.port or 0), "sessions": 0,
        "uptime": go_duration(world.clock.monotonic() - house.started), "dolphins": DOLPHINS,
    }  # fmt: skip


async def commands(world: World, request: Nothing) -> Commands:
    """What is in `commands/`."""
    return {"commands": await asyncio.to_thread(_files, world.home / "commands")}


async def ping(world: World, request: Nothing) -> None:
    """Nothing but success."""


def go_duration(seconds: float) -> str:
    """Rounded to seconds as Go's time.Duration prints it: `2s`, `1m2s`, `3h0m1s`."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _files(directory: Path) -> list[str]:
    try:
        return sorted(each.name for each in directory.iterdir() if each.is_file())
    except FileNotFoundError:
        return []
