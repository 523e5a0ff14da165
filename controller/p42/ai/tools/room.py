"""Toolroom: the directory that a command is run in for an agent: empty, bounded, gone afterwards.

It is looked at while the command runs, and a command that fills it is ended. Between two looks it
may get past the bound; the leash bounds each file meanwhile. Caveat: a file that was deleted and is
still open is not seen; it goes with the command.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from p42.model import faults
from p42.model.errors import Blocked, P42Error
from p42.model.ports import Run

MOST = 1 << 30  # bytes on the disk; a checkout of a big repository, or a project's node_modules
WIDEST = 100_000  # files and directories; a project's node_modules has some ten thousand
BLOCK = 512  # bytes; st_blocks counts in them whatever the file system does (stat(2))
LOOK = 0.25  # s between two looks; of most commands it sees the end before the first


@dataclass(frozen=True, slots=True)
class Room:
    """One call's. `most` and `widest`: what may stand in it, in bytes and in entries."""

    path: Path
    most: int = MOST
    widest: int = WIDEST

    async def holds(self, running: Awaitable[Run], *, by: str) -> Run:
        """What `running` comes to. Blocked as soon as it holds no more; then `running` is cancelled
        first, as it is when this is."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_outcome(running))
            while not (await asyncio.wait([task], timeout=LOOK))[0]:
                if await asyncio.to_thread(self.overflows):
                    task.cancel()
                    break
        if task.cancelled():
            raise Blocked(
                f"{by} was ended: what it wrote is more than {self.most >> 20} MiB or "
                f"{self.widest} files, or cannot be looked at; have it write where its manifest "
                "grants it to"
            )
        outcome = task.result()
        if isinstance(outcome, P42Error):
            raise outcome
        return outcome

    def overflows(self) -> bool:
        """Whether more stands in it than may, or what cannot be listed. Blocking."""
        size = 0
        try:
            for entries, each in enumerate(_sizes(self.path)):
                size += each
                if size > self.most or entries >= self.widest:
                    return True
        except OSError:
            return True
        return False


@asynccontextmanager
async def room(home: Path) -> AsyncIterator[Room]:
    """An empty one; gone afterwards, also when cancelled."""
    made = await asyncio.to_thread(_made, home / "run" / "tools")
    with made as name:
        yield Room(Path(name))


def _sizes(top: Path) -> Iterator[int]:
    """Bytes of each entry, on the disk. What goes while it is looked at is none."""
    waiting = [str(top)]
    while waiting:
        with suppress(FileNotFoundError), os.scandir(waiting.pop()) as found:
            for each in found:
                with suppress(FileNotFoundError):
                    yield each.stat(follow_symlinks=False).st_blocks * BLOCK
                if each.is_dir(follow_symlinks=False):
                    waiting.append(each.path)


async def _outcome(running: Awaitable[Run]) -> Run | P42Error:
    """An error is a value here: a group would wrap it."""
    try:
        return await running
    except P42Error as error:
        return error


def _made(where: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=where, ignore_cleanup_errors=True)
    except OSError as error:
        raise faults.fault(error, str(where)) from error
