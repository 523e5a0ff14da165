"""Toolcommand: a declared command, called by an agent: in the sandbox, bounded, its output as text.

It reaches the system's programs, itself, an empty directory that goes when it ends, and what its
manifest's `sandbox` grants. Without a sandbox on this machine it is not run.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p42.ai.tools.bench import Declared
from p42.ai.tools.text import MOST as LONGEST
from p42.ai.tools.text import bounded
from p42.model import faults
from p42.model.errors import Blocked
from p42.model.grants import Grants
from p42.model.ports import Run, World
from p42.scripts.inside import LONGEST as HEAD
from p42.scripts.inside import Headless, direct
from p42.scripts.paths import Astray, reached

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "args": {
            "type": "array", "items": {"type": "string"}, "maxItems": 100,
            "description": "Its arguments, one text each. No shell reads them.",
        },
        "stdin": {"type": "string", "description": "Its standard input."},
    },
    "additionalProperties": False,
}  # fmt: skip
STDERR = 4 * 1024  # bytes of it; what a program complains of stands at its beginning


@dataclass(frozen=True, slots=True)
class Bounds:
    """`seconds` of one call; `grace` beyond them, to end the program and read what it said."""

    seconds: float
    grace: float = 10.0


async def call_command(
    world: World,
    declared: Declared,
    arguments: Mapping[str, Any],
    *,
    bounds: Bounds,
    clean: Callable[[str], str],
) -> str:
    """What it said and how it ended. Blocked says why it was not run.

    `clean` takes secrets out, before anything is cut: half a secret is still one.
    """
    if declared.problem:
        raise Blocked(f"command/{declared.name} cannot be run now: {declared.problem}")
    async with _room(world.home) as room:
        run = await world.processes.run(
            [*await asyncio.to_thread(_begins, declared), *arguments.get("args", ())],
            stdin=arguments.get("stdin", "").encode(),
            cwd=room,
            env={"HOME": str(room), "TMPDIR": str(room)},
            timeout=bounds.seconds,
            grants=_grants(declared, room),
        )
    return _told(run, bounds, clean)


def _grants(declared: Declared, room: Path) -> Grants:
    name = declared.name
    return Grants(
        read=(declared.path, *_paths(name, declared.read)),
        write=(room, *_paths(name, declared.write)),
        network=declared.network,
        by=f"command/{name}",
    )


def _begins(declared: Declared) -> Sequence[str]:
    """How it is begun: past the first line that would put it into a sandbox inside of this one."""
    try:
        with declared.path.open("rb") as file:
            return direct(file.read(HEAD), str(declared.path))
    except Headless as error:
        raise Blocked(f"command/{declared.name} cannot be run now: {error}") from None
    except OSError as error:
        raise faults.fault(error, str(declared.path)) from error


def _paths(name: str, texts: Sequence[str]) -> Sequence[Path]:
    """What is granted; the directory it is run in is a room of its own, and granted anyway."""
    try:
        return tuple(map(Path, reached(texts, here="")))
    except Astray as error:
        raise Blocked(f"command/{name}: {error}") from None


@asynccontextmanager
async def _room(home: Path) -> AsyncIterator[Path]:
    """An empty directory; gone afterwards, also when cancelled."""
    made = await asyncio.to_thread(_made, home / "run" / "tools")
    with made as name:
        yield Path(name)


def _made(where: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=where, ignore_cleanup_errors=True)
    except OSError as error:
        raise faults.fault(error, str(where)) from error


def _told(run: Run, bounds: Bounds, clean: Callable[[str], str]) -> str:
    ended = f"exit code {run.exit_code}"
    if run.timed_out:
        ended = f"ended by p42: not done within {bounds.seconds:g} s"
    out, err = (clean(each.decode(errors="replace")) for each in (run.stdout, run.stderr))
    parts: Sequence[str] = (
        ended,
        f"stdout:\n{bounded(out, LONGEST - STDERR - 256)}" if out else "",
        f"stderr:\n{bounded(err, STDERR)}" if err else "",
    )
    return "\n".join(part for part in parts if part)
