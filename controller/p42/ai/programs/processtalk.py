"""ProcessTalk: talk with agents of runtime process: which protocol, and what is kept between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from p42.ai.programs.claude import ClaudeProgram
from p42.ai.programs.lines import Keeping, LinesProgram
from p42.ai.programs.pinning import Engine
from p42.ai.programs.program import Ground
from p42.ai.talk.answering import Answering, Floor
from p42.ai.talk.persona import Persona
from p42.model.approval import Pin
from p42.model.errors import P42Error
from p42.model.ports import Clock
from p42.model.session import Sessions
from p42.model.talk import Say
from p42.runtimes.agents.files import sweep

LOOK = 60.0  # s between two looks at programs that nobody speaks to

_log = logging.getLogger("p42.agents")


class ProcessTalk:
    """`run` beside the conversations; their end is the end of every program."""

    def __init__(self, ground: Ground, sessions: Sessions, clock: Clock) -> None:
        self._ground, self._sessions, self._clock = ground, sessions, clock
        self._keeping = Keeping(now=clock.monotonic)
        self._doubtful: set[str] = set()
        self._doubt = asyncio.Event()

    @property
    def loose(self) -> bool:
        """Whether a program of an agent has run without a sandbox: it may have written anywhere."""
        return self._ground.places.loose

    def open(self, engine: Engine, pinned: Callable[[], Sequence[Pin]]) -> None:
        """Before `run`: the engine is told while a program may write what it follows."""
        self._ground.pinning.open(engine, pinned)

    def answering(self, floor: Floor, say: Say, who: Persona, ends: float) -> Answering:
        """The answering of one message."""
        protocol = (who.facts.get("process") or {}).get("protocol", "lines")
        if protocol == "claude-stream-json":
            return ClaudeProgram(floor, say, who, ends, ground=self._ground)
        return LinesProgram(floor, say, who, ends, ground=self._ground, keeping=self._keeping)

    def changed(self, session: str) -> None:
        """It may have ended, or be gone. Never blocks."""
        if session in self._ground.running or self._keeping.has(session):
            self._doubtful.add(session)
            self._doubt.set()

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Programs can be spoken to. Entered after a crash it first undoes what that left."""
        await asyncio.to_thread(sweep, self._ground.places.agents)
        await self._ground.allowances.begin()
        try:
            async with asyncio.TaskGroup() as group:
                beside = (self._follow(), self._retire(), self._ground.pinning.run())
                tasks = [group.create_task(each) for each in beside]
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()
        finally:
            await self._keeping.end_all()

    async def _follow(self) -> None:
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            while self._doubtful:
                await self._look(self._doubtful.pop())

    async def _look(self, name: str) -> None:
        """A session that is over needs no program; one that was deleted, not even a busy one."""
        try:
            session = await self._sessions.get(name)
        except P42Error as error:
            _log.warning("session %s cannot be looked at: %s", name, error)
            return
        if session is None or session.ended:
            await self._keeping.end(name)
        busy = self._ground.running.get(name)
        if session is None and busy is not None:
            await busy.close()

    async def _retire(self) -> None:
        while True:
            await self._keeping.some.wait()
            await self._clock.sleep(LOOK)
            await self._keeping.end_idle()
