"""Toolcommand: a declared command, called by an agent: in the sandbox, bounded, its output as text.

It reaches the system's programs, itself, an empty directory that goes when it ends, and what its
manifest's `sandbox` grants. Without a sandbox on this machine it is not run. What it takes of the
machine is bounded by a leash (scripts/leash.py), by its room (room.py) and by SCRATCH.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p42.ai.tools.bench import Declared
from p42.ai.tools.room import Room, room
from p42.ai.tools.text import MOST as LONGEST
from p42.ai.tools.text import bounded
from p42.model import faults
from p42.model.errors import Blocked
from p42.model.grants import Grants
from p42.model.ports import Run, World
from p42.scripts.inside import LONGEST as HEAD
from p42.scripts.inside import Headless, direct
from p42.scripts.leash import CALL, leashed
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
SCRATCH = 64 << 20  # bytes of memory as files; what is bigger has TMPDIR, which is on the disk
_KILLED = 128  # and the signal's number: an exit code of shells and of bubblewrap
_LIMITS = {
    signal.SIGXFSZ: f"it wrote a file of over {CALL.file} MiB",
    signal.SIGXCPU: f"it took over {CALL.seconds} s of a processor",
}
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
    async with room(world.home) as empty:
        begins = await asyncio.to_thread(_begins, declared)
        running = world.processes.run(
            leashed([*begins, *arguments.get("args", ())], CALL),
            stdin=arguments.get("stdin", "").encode(),
            cwd=empty.path,
            env={"HOME": str(empty.path), "TMPDIR": str(empty.path)},
            timeout=bounds.seconds,
            grants=_grants(declared, empty),
        )
        run = await empty.holds(running, by=f"command/{declared.name}")
    return _told(run, bounds, clean)


def _grants(declared: Declared, empty: Room) -> Grants:
    name = declared.name
    return Grants(
        read=(declared.path, *_paths(name, declared.read)),
        write=(empty.path, *_paths(name, declared.write)),
        network=declared.network,
        by=f"command/{name}",
        scratch=SCRATCH,
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


def _told(run: Run, bounds: Bounds, clean: Callable[[str], str]) -> str:
    ended = f"exit code {run.exit_code}"
    for number, why in _LIMITS.items():
        if run.exit_code in (_KILLED + number, -number):
            ended += f": {why}"
    if run.timed_out:
        ended = f"ended by p42: not done within {bounds.seconds:g} s"
    out, err = (clean(each.decode(errors="replace")) for each in (run.stdout, run.stderr))
    parts: Sequence[str] = (
        ended,
        f"stdout:\n{bounded(out, LONGEST - STDERR - 256)}" if out else "",
        f"stderr:\n{bounded(err, STDERR)}" if err else "",
    )
    return "\n".join(part for part in parts if part)
