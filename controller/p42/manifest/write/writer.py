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
import math
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from p42.manifest.write.agenda import Agenda
from p42.manifest.write.draft import Job, Wanted
from p42.manifest.write.scribe import Scribe
from p42.manifest.write.verdict import Pace, Went
from p42.model.ports import Journal
from p42.model.refs import Ref
from p42.model.resource import Resource

_BATCH = 256  # files a round: about 0.2 s of work, so that a stop need not wait longer
_DEFAULT_PACE = Pace()
Result = TypeVar("Result")


class StatusWriter:
    """One per home. `mode`: inline, sidecar or none, as in `status.write`.

    `durable`: new bytes are on disk before they replace old ones. `redact` takes secrets out of a
    body before it is anywhere.
    """

    def __init__(
        self,
        home: Path,
        *,
        mode: str = "inline",
        pace: Pace = _DEFAULT_PACE,
        journal: Journal | None = None,
        durable: bool = True,
        redact: Callable[[Any], Any] = lambda body: body,
    ) -> None:
        self._mode = mode
        self._redact = redact
        self._journal = journal
        self._scribe = Scribe(str(home), mode=mode, pace=pace, tell=self._tell, durable=durable)
        self._agenda = Agenda(pace)
        self._thread = ThreadPoolExecutor(1, "p42-status")
        self._tidings: deque[tuple[str, str]] = deque()  # from the thread: late saves
        self._running = False
        self._went: dict[Ref, Went] = {}
        self._then: dict[Ref, tuple[Wanted, Callable[[], None]]] = {}
        # By now only kept files at that path wait; None = not even they.
        self._ripe: dict[Ref, tuple[str | None, Callable[[], None]]] = {}
        self._woken = asyncio.Event()
        self._turn = asyncio.Lock()  # of `run` and `flush`: the scribe has one desk
        self._next_look: float | None = None  # loop time, at displaced files

    def put(
        self,
        resource: Resource,
        body: Mapping[str, Any] | None,
        *,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Write `body` soon; the newest wins per document. None = take ours out. Never blocks.

        `then` is called in the loop when `body` stands there, or never will, and nothing of the
        write is left beside the file; not if a newer one of that name has taken its place.
        """
        wanted = Wanted(resource, self._redact(body))
        self._then.pop(resource.ref, None)
        self._ripe.pop(resource.ref, None)
        if then is not None:
            self._then[resource.ref] = (wanted, then)
        self._agenda.add(wanted, asyncio.get_running_loop().time())
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
        """Until cancelled. A write under way is then finished in its thread, not broken off."""
        _ignore_sigio()
        self._running = True
        try:
            while True:
                self._woken.clear()
                await self._until_something_is_due()
                async with self._turn:
                    await self._round()
        finally:
            self._running = False
            self._scribe.directories.let_go()

    async def flush(self, *, within: float = math.inf) -> None:
        """Try all that waits once, whatever its pace; what an editor or git holds up stays.

        May be called after `run` has ended; then nothing temporary is left behind either. What
        there is no time for `within` so many seconds is left to the next start.
        """
        until = time.monotonic() + within
        async with self._turn:
            jobs = self._agenda.all()
            for start in range(0, len(jobs), _BATCH):
                if time.monotonic() >= until:
                    break
                await self._write(jobs[start : start + _BATCH], hurry=True)
            await self._look()
            if not self._running:
                await self._work(partial(self._scribe.close, until=until))
                self._tell_ripe()

    async def _until_something_is_due(self) -> None:
        now = asyncio.get_running_loop().time()
        times = [at for at in (self._agenda.next(now), self._next_look) if at is not None]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(min(times, default=None)):
                await self._woken.wait()

    async def _round(self) -> None:
        now = asyncio.get_running_loop().time()
        jobs = self._agenda.due(now, _BATCH)
        if jobs:
            await self._write(jobs)
        if jobs or (self._next_look is not None and self._next_look <= now):
            await self._look()

    async def _write(self, jobs: list[Job], *, hurry: bool = False) -> None:
        drafts = await self._work(partial(self._scribe.write, jobs, hurry=hurry))
        now = asyncio.get_running_loop().time()
        for draft in drafts:
            self._agenda.done(draft, now)
            for wanted in draft.job.wanted:
                self._note(wanted, draft.went[wanted.resource.ref], wrote=draft.wrote)

    async def _look(self) -> None:
        """At the displaced files."""
        after = await self._work(self._scribe.look)
        now = asyncio.get_running_loop().time()
        self._next_look = None if after is None else now + after
        self._tell_ripe()

    async def _work(self, do: Callable[[], Result]) -> Result:
        """In the one thread, after whatever it is at."""
        result = await asyncio.get_running_loop().run_in_executor(self._thread, do)
        while self._tidings and self._journal is not None:
            path, what = self._tidings.popleft()
            self._journal.note(None, "LateSave", f"{path}: {what}", warning=True)
        return result

    def _tell_ripe(self) -> None:
        for ref, (path, then) in list(self._ripe.items()):
            if path is None or not self._scribe.keeps(path):
                del self._ripe[ref]
                then()

    def _tell(self, path: str, what: str) -> None:
        self._tidings.append((path, what))

    def _note(self, wanted: Wanted, went: Went, *, wrote: bool) -> None:
        ref = wanted.resource.ref
        meant, then = self._then.get(ref, (None, None))
        if then is not None and meant is wanted and went.mode != "waiting":
            del self._then[ref]
            # Where the document is not in the file any more, nothing was written for it there.
            waits = wrote or went.mode == "inline"
            self._ripe[ref] = (wanted.resource.place.file if waits else None, then)
        if wanted.body is None and went.mode != "waiting":
            self._went.pop(ref, None)
            return
        before, self._went[ref] = self._went.get(ref), went
        news = went.mode == "sidecar" and went != before and not went.why.startswith("asked for")
        if news and self._journal is not None:
            self._journal.note(ref, "StatusBeside", f"its status is not in the file: {went.why}")


def _ignore_sigio() -> None:
    """A broken lease can send it, and it ends a process that has not thought of it."""
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread may, and leases ask for SIGURG anyway
    if signal.getsignal(signal.SIGIO) is signal.SIG_DFL:
        signal.signal(signal.SIGIO, signal.SIG_IGN)
