"""Rooms: every part of a daemon, made and joined. Start-up is nesting, stop its reverse.

    journal > status writer > messages > keeper > works > keys > accounts > agents > engine >
    control socket > gateway, HTTP

A clean end takes the keeper and all children along, unless they were to be kept; after a crash they
live on, and the next daemon finds them.

The control socket opens when the engine runs, so whoever is answered is answered by the loop.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from p42 import __version__
from p42.ai.accounts.directory import Directory
from p42.ai.programs.pinning import Pinning
from p42.api.house import House
from p42.config.overlays import overlays
from p42.config.settings import Settings
from p42.daemon.grounding import grounding
from p42.daemon.running import running, tended
from p42.daemon.talking import Talking
from p42.daemon.thinking import Thinking
from p42.engine.engine import Engine
from p42.gateway.control import serve_control
from p42.gateway.tcp import HOST, Gateway
from p42.gateway.tokened import Book
from p42.keeper.slices import ask_short_slices
from p42.keeper.sweeps import sweep_lightly
from p42.manifest.kindbook import KindBook
from p42.manifest.read import Reader
from p42.manifest.rules import Rules
from p42.manifest.write import StatusWriter
from p42.model.errors import InvalidInput
from p42.model.kind import AnyKind
from p42.model.models import Answerer
from p42.model.ports import World
from p42.model.refs import Ref
from p42.runtimes.agents.process import AgentProcesses
from p42.runtimes.clock import SystemClock
from p42.runtimes.disk.files import DiskFiles
from p42.runtimes.disk.pins import DiskPins
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.keeping.nounits import NoUnits
from p42.runtimes.keeping.processes import KeeperProcesses
from p42.runtimes.keeping.units import KeeperUnits
from p42.runtimes.local.nomodels import NoModels
from p42.runtimes.messages import Messages
from p42.runtimes.processes import LocalProcesses
from p42.runtimes.projectfiles import instructions
from p42.runtimes.projectpage import ProjectPages
from p42.runtimes.standing import Standing
from p42.runtimes.stopping import Stop
from p42.runtimes.terminals import Terminals
from p42.stores.approvals import SqliteApprovals
from p42.stores.forwards import SqliteForwards
from p42.stores.journal import SqliteJournal
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.redaction import Redactor
from p42.stores.leases import SqlitePortLeases
from p42.stores.ledger import SqliteLedger
from p42.stores.registry import SqliteRegistry
from p42.stores.state.database import Database
from p42.stores.tokens import SqliteTokens
from p42.stores.works import SqliteWorks
from p42.web.holds import Holds
from p42.web.web import Web

LAST = 5.0  # s for the statuses at a stop, thousands of them; the next start writes the others
FIRST = 5.0  # s the start waits for the keeper; it takes 60 ms. Then the loop begins without it

_log = logging.getLogger("p42")


class Rooms:
    """Every part, made and joined; nothing runs before `run`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        book: KindBook,
        kinds: Mapping[str, AnyKind],
        *,
        link: KeeperLink,
        offline: bool = False,
        redactor: Redactor | None = None,
    ) -> None:
        clock, home = SystemClock(), settings.home
        self.redactor = known = redactor or Redactor()  # stands at every sink, see there
        self.settings, self.book, self.kinds = settings, book, kinds
        self.ledger = SqliteLedger(database)
        self.journal = SqliteJournal(database, clock=clock, redact=known.clean)
        self.works = SqliteWorks(database, wake=self._wake, clock=clock, redact=known.clean)
        mode = cast(Any, settings.status_write)  # config lets no other word through
        self.statuses = StatusWriter(
            home, mode=mode, journal=self.journal, redact=known.clean_value
        )
        store = cast(Any, settings.keys_store)
        self.keys = SystemKeys(os.environ, home=home, store=store, redactor=known)
        self.leases = SqlitePortLeases(
            database, base=settings.projects_port_base, count=settings.projects_port_count
        )
        self.messages = Messages(home, clock)
        self.link = link
        self.units = KeeperUnits(
            home, self.link, env=os.environ, idle=settings.projects_idle_timeout,
            said=self.messages.said,
        )  # fmt: skip
        self.pinning = Pinning(self.ledger.sources)
        self.processes = KeeperProcesses(
            os.environ, home=home, link=self.link, watch=self.pinning.held
        )
        registry = SqliteRegistry(database)
        self.thinking = None if offline else Thinking(
            settings, database, registry, clock=clock, keys=self.keys, redactor=known,
            link=self.link,
        )  # fmt: skip
        self._doors(database, clock)
        self.agents = AgentProcesses(self.link)
        self.talking = self._talking(self.thinking, registry, clock)
        self.approvals = SqliteApprovals(database, clock=clock, changed=self._wake)
        self.world = self._joined(registry, clock, offline=offline)
        self.engine = Engine(
            kinds=kinds, world=self.world, ledger=self.ledger, sources=Reader(book),
            rules=Rules(book), statuses=self.statuses, defaults=_defaults(settings, kinds),
            overlays=overlays(settings), trust=cast(Any, settings.trust),
        )  # fmt: skip

    def _talking(
        self, thinking: Thinking | None, registry: SqliteRegistry, clock: SystemClock
    ) -> Talking | None:
        if thinking is None:
            return None
        ground = grounding(
            self.settings.home, self.agents, thinking.accounts, registry=registry, keys=self.keys,
            tokens=self.tokens, port=lambda: self.web.port, sources=self.ledger.sources,
            pinning=self.pinning,
        )  # fmt: skip
        return Talking(
            self.settings, thinking.accounts, registry, clock=clock, clean=self.redactor.clean,
            ground=ground,
        )  # fmt: skip

    def _doors(self, database: Database, clock: SystemClock) -> None:
        """Where people and programs come in, and what is kept of them."""
        self.tokens = SqliteTokens(database, clock=clock)
        holds = Holds()
        self.tokens.tell(holds.end)
        asks = self.settings.gateway_auth == "token"
        book = Book(self.tokens, holds, clock) if asks else None
        self.gateway = Gateway(self.settings.gateway_ports, book=book)
        self.forwards = SqliteForwards(database)
        self.web = Web(self.settings.http_port, self.tokens)

    def _joined(self, registry: SqliteRegistry, clock: SystemClock, *, offline: bool) -> World:
        """The ports, as kinds see them."""
        home, settings = self.settings.home, self.settings
        processes = LocalProcesses(os.environ, home=home) if offline else self.processes
        world = World(
            home=home, clock=clock,
            files=DiskFiles(home, path=os.environ.get("PATH", os.defpath)),
            processes=processes,
            keys=self.keys,
            journal=self.journal, registry=registry, works=self.works,
            leases=self.leases,
            units=NoUnits(home / "run", settings.projects_idle_timeout) if offline else self.units,
            models=self.thinking.accounts if self.thinking else NoModels(self._asked(registry)),
            approvals=self.approvals, pins=DiskPins(home, self._manifest, processes),
        )  # fmt: skip
        if self.talking is None:
            return world
        sessions = cast(Any, self.talking.sessions)
        return replace(world, talks=self.talking.talks, sessions=sessions)

    def _asked(self, registry: SqliteRegistry) -> Callable[[str | None, str], Answerer | None]:
        """Whom a daemon of this home would ask."""
        settings = self.settings
        known = Directory(registry, default=settings.defaults_account, env=os.environ)
        return partial(known.answerer, otherwise=settings.defaults_model)

    async def run(self, sources: Sequence[str], stop: Stop) -> None:
        """Everything runs until a stop is asked for."""
        world, standing = self.for_verbs(stop), Standing(self.link, self.processes, self.agents)
        if self.talking is not None:
            self.talking.open(world)
        async with (
            tended("writing the journal", self.journal.run, last=self.journal.flush),
            tended("writing statuses", self.statuses.run, last=self._last_statuses),
            tended("writing messages", self.messages.run, last=self.messages.flush),
            self._keeper(stop),
            self.works,
            tended("watching keys", lambda: self.keys.watch(self.world.files.follow)),
            self.thinking.run() if self.thinking else nullcontext(),
            self.talking.run() if self.talking else nullcontext(),
            running(self.engine.run()),
        ):
            await self._follow_own()
            async with (
                tended(
                    "serving the control socket",
                    lambda: serve_control(world, standing=standing, redactor=self.redactor),
                ),
                tended(
                    "serving the gateway",
                    lambda: self.gateway.run(world, standing=standing, redactor=self.redactor),
                ),
                tended("serving HTTP", lambda: self.web.run(world, redactor=self.redactor)),
            ):
                if sources:
                    await self.engine.follow(sources, given=())
                await self.gateway.tried.wait()
                await self.web.tried.wait()
                _log.info("%s", ready_message(self.settings.home, self.gateway))
                sweep_lightly()
                ask_short_slices()
                gc.enable()  # daemon.serve has disabled it
                gc.freeze()  # what is there now stays; later collections need not walk it
                await stop.wait()
                _log.info("p42 is stopping")

    @asynccontextmanager
    async def _keeper(self, stop: Stop) -> AsyncIterator[None]:
        """The keeper at hand. What raises is a crash, and children outlive a crash."""
        async with running(self.link.run()):
            await self.link.ready(FIRST)
            yield
            if not stop.keeps_children:
                await self.link.end()

    async def _last_statuses(self) -> None:
        await self.statuses.flush(within=LAST)
        await self.engine.close()

    async def _follow_own(self) -> None:
        """What the CLI and agents declare. Before any door opens: `apply` may add to it at once."""
        own = self.settings.home / "manifests"
        own.mkdir(mode=0o700, exist_ok=True)
        if str(own.resolve()) in self.ledger.sources():
            return
        try:
            await self.engine.follow([str(own)], given=())
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
            web=self.web, tokens=self.tokens, forwards=self.forwards,
            terminals=Terminals(), pages=ProjectPages(self.world.processes),
            instructions=instructions,
        )  # fmt: skip
        return replace(self.world, engine=self.engine, house=house)

    def _written(self, ref: Ref) -> str:
        return str(self.statuses.where(ref) or "")

    def _manifest(self, ref: Ref) -> Path | None:
        row = self.engine.row(ref)
        return None if row is None else Path(row.resource.place.file)

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
