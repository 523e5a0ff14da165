"""The composition root: the only file that knows every room. Start-up is nesting, stop its reverse.

    lock > log > database > journal > status writer > keeper > works > engine > control socket >
    gateway

A clean end takes the keeper and all children along, unless they were to be kept; after a crash they
live on, and the next daemon finds them.

The control socket opens when the engine runs, so whoever is answered is answered by the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from p42 import __version__
from p42.api.desired import Diff, diff
from p42.api.house import House
from p42.api.shapes import Steps
from p42.config.settings import Settings, load
from p42.engine.engine import Engine
from p42.gateway.control import serve_control
from p42.gateway.tcp import HOST, NO_TOKENS, Gateway
from p42.kinds import discover
from p42.manifest.kindbook import KindBook
from p42.manifest.read import Reader
from p42.manifest.rules import Rules
from p42.manifest.write import StatusWriter
from p42.model.errors import Exit, InvalidInput, P42Error
from p42.model.kind import AnyKind
from p42.model.ports import World
from p42.model.refs import Ref
from p42.runtimes.clock import SystemClock
from p42.runtimes.daemonlog import daemon_log
from p42.runtimes.files import DiskFiles
from p42.runtimes.keeperlink import KeeperLink
from p42.runtimes.keeperprocesses import KeeperProcesses
from p42.runtimes.lock import HomeLock
from p42.runtimes.messages import Messages
from p42.runtimes.nounits import NoUnits
from p42.runtimes.processes import LocalProcesses
from p42.runtimes.standing import Standing
from p42.runtimes.stopping import Stop
from p42.runtimes.sweep import sweep
from p42.runtimes.units import KeeperUnits
from p42.stores.database import Database, make_home
from p42.stores.journal import SqliteJournal
from p42.stores.keys import SystemKeys
from p42.stores.leases import SqlitePortLeases
from p42.stores.ledger import SqliteLedger
from p42.stores.registry import SqliteRegistry
from p42.stores.works import SqliteWorks

FIRST = 5.0  # s the start waits for the keeper; it takes 60 ms. Then the loop begins without it
DESCRIPTORS = 8192  # 1,024 connections on each door, and the files; children inherit it

_log = logging.getLogger("p42")


def serve(
    home: Path, sources: Sequence[str] = (), flags: Mapping[str, object] | None = None
) -> int:
    """Run the daemon in front until it is told to stop; its exit code.

    `sources` are absolute paths to follow besides those that are remembered. Raises AlreadyRuns,
    InvalidInput for the configuration or a source, Retry or Blocked for what the disk refuses.
    """
    settings, stop = load(home, flags), Stop()
    make_home(home)
    with contextlib.suppress(OSError):  # what is wrong with it, each command will say
        # Before anyone watches it: a directory that appears later is watched a moment too late.
        (home / "commands").mkdir(mode=0o700)
    with HomeLock(home), daemon_log(home, settings.log_level):
        stop.listen()
        _open_more_files()
        for pid in sweep(home):
            _log.warning("ended process %d, left behind by a daemon that was killed", pid)
        asyncio.run(_serve(settings, sources, stop))
        stop.deafen()
        _log.info("p42 has stopped")
    return Exit.OK


def offline_plan(
    home: Path, paths: Sequence[str], *, stdin: str | None = None, prune: bool = False
) -> Steps:
    """What `p42 diff` says where no daemon runs: the steps, observed here, nothing written."""
    return asyncio.run(_plan(load(home), Diff(paths=tuple(paths), stdin=stdin, prune=prune)))


async def _plan(settings: Settings, asked: Diff) -> Steps:
    with Database.copy(settings.home) as database, _alone():
        rooms = _Rooms(settings, database, KindBook.load(), discover(), offline=True)
        async with rooms.works:
            return await diff(rooms.for_verbs(Stop()), asked)


async def _serve(settings: Settings, sources: Sequence[str], stop: Stop) -> None:
    with Database.open(settings.home) as database, _alone():
        if database.aside is not None:
            _log.warning("state.db was damaged and is kept as %s; it is made anew", database.aside)
        rooms = _Rooms(settings, database, KindBook.load(), discover())
        await rooms.run(sources, stop)


class _Rooms:
    """Every part, made and joined; nothing runs before `run`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        book: KindBook,
        kinds: Mapping[str, AnyKind],
        *,
        offline: bool = False,
    ) -> None:
        clock, home = SystemClock(), settings.home
        self.settings, self.book, self.kinds = settings, book, kinds
        self.ledger = SqliteLedger(database)
        self.journal = SqliteJournal(database, clock=clock)
        self.works = SqliteWorks(database, wake=self._wake, clock=clock)
        mode = cast(Any, settings.status_write)  # config lets no other word through
        self.statuses = StatusWriter(home, mode=mode, journal=self.journal)
        self.leases = SqlitePortLeases(
            database, base=settings.projects_port_base, count=settings.projects_port_count
        )
        self.messages = Messages(home, clock)
        self.link = KeeperLink(home / "run", grace=settings.keeper_grace)
        self.units = KeeperUnits(
            home, self.link, env=os.environ, idle=settings.projects_idle_timeout,
            said=self.messages.said,
        )  # fmt: skip
        self.processes = KeeperProcesses(os.environ, home=home, link=self.link)
        closed = NO_TOKENS if settings.gateway_auth == "token" else ""
        self.gateway = Gateway(settings.gateway_ports, closed=closed)
        self.world = World(
            home=home, clock=clock,
            files=DiskFiles(home, path=os.environ.get("PATH", os.defpath)),
            processes=LocalProcesses(os.environ, home=home) if offline else self.processes,
            keys=SystemKeys(os.environ),
            journal=self.journal, registry=SqliteRegistry(database), works=self.works,
            leases=self.leases,
            units=NoUnits(settings.projects_idle_timeout) if offline else self.units,
        )  # fmt: skip
        self.engine = Engine(
            kinds=kinds, world=self.world, ledger=self.ledger, sources=Reader(book),
            rules=Rules(book), statuses=self.statuses, defaults=_defaults(settings, kinds),
        )  # fmt: skip

    async def run(self, sources: Sequence[str], stop: Stop) -> None:
        """Everything runs until a stop is asked for."""
        world, standing = self.for_verbs(stop), Standing(self.link, self.processes)
        async with (
            _running(self.journal.run(), last=self.journal.flush),
            _running(self.statuses.run(), last=self._last_statuses),
            _running(self.messages.run(), last=self.messages.flush),
            self._keeper(stop),
            self.works,
            _running(self.engine.run()),
        ):
            await self._follow_own()
            async with (
                _running(serve_control(world, standing=standing.of)),
                _running(self.gateway.run(world)),
            ):
                if sources:
                    await self.engine.follow(sources)
                await self.gateway.tried.wait()
                _log.info("%s", ready_message(self.settings.home, self.gateway))
                gc.collect()
                gc.freeze()  # what is there now stays; later collections need not walk it
                await stop.wait()
                _log.info("p42 is stopping")

    @asynccontextmanager
    async def _keeper(self, stop: Stop) -> AsyncIterator[None]:
        """The keeper at hand. What raises is a crash, and children outlive a crash."""
        async with _running(self.link.run()):
            await self.link.ready(FIRST)
            yield
            if not stop.keeps_children:
                await self.link.end()

    async def _last_statuses(self) -> None:
        await self.statuses.flush()
        await self.engine.close()

    async def _follow_own(self) -> None:
        """What the CLI and agents declare. Before any door opens: `apply` may add to it at once."""
        own = self.settings.home / "manifests"
        own.mkdir(mode=0o700, exist_ok=True)
        if str(own) in self.ledger.sources():
            return
        try:
            await self.engine.follow([str(own)])
        except InvalidInput as error:
            _log.error("%s is not followed: %s", own, error)

    def for_verbs(self, stop: Stop) -> World:
        """The world as verbs see it: with the engine, and the house they may ask."""
        house = House(
            settings=self.settings, kinds=self.kinds, book=self.book, doors=self.gateway,
            events=self.journal, started=self.world.clock.monotonic(),
            database_lost=self.ledger.lost, modes=self.statuses.mode_of, stop=stop.ask,
            written=self._written, flush=self.statuses.flush,
            units=self.units.all, owner=self.leases.owner, messages=self.messages.recent,
        )  # fmt: skip
        return replace(self.world, engine=self.engine, house=house)

    def _written(self, ref: Ref) -> str:
        return str(self.statuses.where(ref) or "")

    def _wake(self, ref: Ref) -> None:
        self.engine.wake(ref)


def ready_message(home: Path, gateway: Gateway) -> str:
    """What a person wants to know at the start."""
    where = f"gateway on {HOST}:{gateway.port}" if gateway.port else "no TCP gateway"
    note = f" ({gateway.note})" if gateway.note else ""
    return f"p42 {__version__} is ready: home {home}, {where}{note}"


def _defaults(settings: Settings, kinds: Mapping[str, AnyKind]) -> dict[str, str]:
    named = {kind: getattr(settings, f"defaults_{kind.lower()}", "") for kind in kinds}
    return {kind: name for kind, name in named.items() if name}


@asynccontextmanager
async def _running(
    run: Coroutine[Any, Any, None], *, last: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """`run` beside the block; cancelled at its end, then `last`. If one fails, both do."""
    try:
        async with asyncio.TaskGroup() as group:
            beside = group.create_task(run)
            try:
                yield
            finally:
                beside.cancel()
    finally:
        if last is not None:
            await last()


@contextmanager
def _alone() -> Iterator[None]:
    """Task groups wrap what they raise; a lone P42Error comes out bare, for the user."""
    try:
        yield
    except BaseExceptionGroup as group:
        leaves = list(_leaves(group))
        if leaves and all(isinstance(leaf, P42Error) for leaf in leaves):
            raise leaves[0] from None
        raise


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each


def _open_more_files() -> None:
    """A shell's usual 1,024 are few for a daemon; what the system allows is asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
