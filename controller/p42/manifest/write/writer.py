"""StatusWriter: takes settled statuses and writes each to where it belongs; the newest wins.

Guarantees: one write to a file at a time, and one per `gap` seconds at most, with the newest
status of each of its documents. What cannot be written now is tried again, for as long as this
runs. Nothing is written that is there already, so the reader's echo of a write ends here.

The loop only keeps times; every file is touched by one thread, so a stalled disk stalls statuses
and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from p42.manifest.write.agenda import Agenda
from p42.manifest.write.scribe import Draft, Scribe, Wanted
from p42.manifest.write.verdict import Mode, Pace, Went
from p42.model.ports import Journal
from p42.model.refs import Ref
from p42.model.resource import Resource

_BATCH = 256  # files a round: about 0.2 s of work, so that a stop need not wait longer
_DEFAULT_PACE = Pace()


class StatusWriter:
    """One per home. `durable`: new bytes are on disk before they replace old ones."""

    def __init__(
        self,
        home: Path,
        *,
        mode: Mode = "inline",
        pace: Pace = _DEFAULT_PACE,
        journal: Journal | None = None,
        durable: bool = True,
    ) -> None:
        self._mode = mode
        self._journal = journal
        self._scribe = Scribe(str(home), mode=mode, pace=pace, tell=self._told, durable=durable)
        self._agenda = Agenda(pace)
        self._went: dict[Ref, Went] = {}
        self._woken = asyncio.Event()
        self._turn = asyncio.Lock()  # of `run` and `flush`: the scribe has one desk
        self._next_look: float | None = None  # loop time, at displaced files

    def put(self, resource: Resource, body: Mapping[str, Any] | None) -> None:
        """Write `body` soon; the newest wins per document. None = take ours out. Never blocks."""
        now = asyncio.get_running_loop().time()
        self._agenda.add(Wanted(resource, body), now)
        self._woken.set()

    def where(self, ref: Ref) -> Went | None:
        """Where the last status of `ref` went; None if none was ever put."""
        return self._went.get(ref)

    def mode_of(self, directory: str) -> str:
        """How status reaches a directory (or that of a file), for a person. Blocks for 1 ms."""
        if self._mode != "inline":
            return f"{self._mode}: asked for by status.write"
        place = Path(directory)
        return self._scribe.directories.describe(str(place if place.is_dir() else place.parent))

    async def run(self) -> None:
        """Until cancelled. A write under way is then finished, not broken off."""
        _ignore_sigio()
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._woken.clear()
                wake = self._agenda.next(loop.time())
                times = [at for at in (wake, self._next_look) if at is not None]
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(min(times) if times else None):
                        await self._woken.wait()
                async with self._turn:
                    await self._round(loop.time())
        finally:
            self._scribe.directories.let_go()

    async def flush(self) -> None:
        """Try all that waits once, whatever its pace; what an editor or git holds up stays.

        May be called after `run` has ended.
        """
        async with self._turn, _thread() as work:
            jobs = self._agenda.take_all()
            for start in range(0, len(jobs), _BATCH):
                batch = jobs[start : start + _BATCH]
                now = asyncio.get_running_loop().time()
                self._note(await work(partial(self._scribe.write, batch, hurry=True)), now)
            await work(self._look)
