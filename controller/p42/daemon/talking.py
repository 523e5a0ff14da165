"""Talking: conversations, their file and their mirror, made and joined."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext

from p42.ai.accounts.accounts import Accounts
from p42.ai.forge.fail import Failed
from p42.ai.forge.forge import Forge
from p42.ai.programs.processtalk import ProcessTalk
from p42.ai.programs.program import Ground
from p42.ai.talk.background import Background
from p42.ai.talk.conversations import Conversations
from p42.ai.tools.tools import Tools
from p42.api.failing import failing
from p42.api.house import engine_of, house_of
from p42.api.workbench import Workbench
from p42.config.settings import Settings
from p42.daemon.grounding import tool_servers
from p42.daemon.running import tended
from p42.model.errors import P42Error
from p42.model.ports import Clock, World
from p42.model.refs import Ref
from p42.model.resource import Resource
from p42.model.talk import Forged, Heard, Listener
from p42.runtimes.projectfiles import instructions
from p42.stores.registry import SqliteRegistry
from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.memoryfiles import MemoryFiles
from p42.stores.sessions.memoryimport import MemoryImport
from p42.stores.sessions.memorymirror import MemoryMirror
from p42.stores.sessions.sessions import SqliteSessions

AGES = 3600.0  # s between two looks at what has rested too long

_log = logging.getLogger("p42")


class _Ear:
    """Hears nothing until the rooms stand that it needs; they are made after the talks are."""

    def __init__(self) -> None:
        self.listener: Listener | None = None

    async def heard(self, heard: Heard) -> Sequence[Forged]:
        """What came of a reply."""
        return () if self.listener is None else await self.listener.heard(heard)


def _declared(world: World, ref: Ref) -> Resource | None:
    """What stands under a name; None = nothing, or it is being taken down."""
    row = engine_of(world).row(ref)
    return None if row is None or row.gone else row.resource


class Talking:
    """Nothing runs before `run`; ends before the accounts do. `clean` takes secrets out of text."""

    def __init__(
        self,
        settings: Settings,
        accounts: Accounts,
        registry: SqliteRegistry,
        *,
        clock: Clock,
        clean: Callable[[str], str],
        ground: Ground,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._file = SessionFile(settings.home)
        self._files = MemoryFiles(self._file)
        self.sessions = SqliteSessions(self._file, clock, changed=self._changed, gone=self._gone)
        self._mirror = MemoryMirror(settings.home, self.sessions, self._files, clock)
        self._background, self._registry, self._clean = Background(), registry, clean
        self._world: World | None = None
        self._forge = _Ear()
        self._servers = tool_servers(ground, clock)
        self.tools = Tools(clean=clean, servers=self._servers)
        self.programs = ProcessTalk(ground, self.sessions, clock)
        self.talks = Conversations(
            self.sessions, accounts, registry, clock, self._background,
            default=settings.defaults_agent, tools=self.tools, listener=self._forge,
            programs=self.programs, instructions=instructions, failing=self._failing,
        )  # fmt: skip

    def open(self, world: World) -> None:
        """Agents have tools and a forge from now on. `world` as verbs see it."""
        self._world = world
        if self._servers is not None:
            self._servers.open(world.journal)
        self.programs.open(engine_of(world), world.approvals.pinned_by)
        forge = self._forge.listener = Forge(
            world.home, world.files, approvals=world.approvals, registry=self._registry,
            book=house_of(world).book, declared=lambda ref: _declared(world, ref),
            sources=lambda: engine_of(world).sources, processes=world.processes,
            waits=lambda resource: engine_of(world).waits(resource),
            places=lambda ref: engine_of(world).places(ref),
            in_force=lambda resource: engine_of(world).in_force(resource),
        )  # fmt: skip
        self.tools.open(world, Workbench(world), unfit=forge.unfit)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Agents can be spoken to."""
        try:
            await self._begin()
            async with (
                self.programs.run(),
                self._servers.run() if self._servers is not None else nullcontext(),
                self._background,
                tended("mirroring conversations", self._mirror.run, last=self._mirror.flush),
                tended("ageing conversations", self._age),
            ):
                yield
        finally:
            await asyncio.to_thread(self._file.close)

    def _failing(self, session: str) -> Sequence[Failed]:
        """What fails of what was made in it; nothing is known before the rooms stand."""
        return () if self._world is None else failing(self._world, session, clean=self._clean)

    def _changed(self, session: str) -> None:
        self._mirror.changed(session)
        self.programs.changed(session)

    def _gone(self, session: str) -> None:
        self.talks.forget(session)

    async def _begin(self) -> None:
        cut = await self.sessions.recover()
        if cut:
            _log.warning("%d answers were broken off by a crash; they are marked as cut", cut)
        if self._file.aside is not None:
            _log.warning("sessions.db was damaged and is kept as %s", self._file.aside)
        files = MemoryImport(self._settings.home, self.sessions, self._files, tell=self._tell)
        taken = await files.run()
        if taken:
            _log.info("%d conversations were read in from memory/", taken)
        await self._mirror.begin()

    def _tell(self, text: str) -> None:
        """To the log, and where people look for what happened."""
        _log.warning("%s", text)
        if self._world is not None:
            self._world.journal.note(None, "NotReadIn", text, warning=True)

    async def _age(self) -> None:
        archive, delete = self._settings.sessions_archive_after, self._settings.sessions_retention
        while archive is not None or delete is not None:
            try:
                await self.sessions.age(archive=archive, delete=delete)
            except P42Error as error:
                _log.warning("old conversations could not be put away: %s", error)
            await self._clock.sleep(AGES)
