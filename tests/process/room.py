"""Room: talk with programs, over a real keeper, a real HTTP door and scripted vendors."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p42.ai.mcp.servers import McpServers
from p42.ai.programs.allowance import Allowances
from p42.ai.programs.pinning import Pinning
from p42.ai.programs.processtalk import ProcessTalk
from p42.ai.programs.program import Ground
from p42.ai.talk.background import Background
from p42.ai.talk.conversations import Conversations
from p42.model.completion import Text
from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.model.talk import Said, Say, Spoken
from p42.runtimes.agents.place import AgentPlaces
from p42.runtimes.agents.process import AgentProcesses
from p42.runtimes.clock import SystemClock
from p42.runtimes.descent import below
from p42.runtimes.keeping.link import KeeperLink
from p42.stores.keys.keys import SystemKeys
from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.sessions import SqliteSessions
from tests.ai.scene import There, scene, spec
from tests.providers.vendors import AnthropicServer
from tests.web.doors import Opened, opened

PROGRAMS = Path(__file__).parent / "programs"
CLAUDE, LINES = "claude-stream-json", "lines"


def facts(protocol: str, **process: Any) -> dict[str, Any]:
    """A process agent as its kind registers it."""
    program = "claude.py" if protocol == CLAUDE else "lines.py"
    command = {"command": sys.executable, "args": [str(PROGRAMS / program)]}
    return {
        "runtime": "process", "persona": "You are brief.", "accountRef": None, "model": None,
        "temperature": None, "maxTokens": 100, "forge": False, "tools": [],
        "memory": {"window": 20, "keepFirst": 0, "maxTokens": None, "summarize": True},
        "process": {**command, "env": {}, "cwd": None, "protocol": protocol, **process},
    }  # fmt: skip


@dataclass
class Room:
    """What a test needs of it."""

    home: Path
    talks: Conversations
    talk: ProcessTalk
    sessions: SqliteSessions
    there: There
    door: Opened
    link: KeeperLink
    processes: AgentProcesses
    vendor: AnthropicServer
    followed: list[str] = field(default_factory=list)

    async def declare(self, name: str, agent: Mapping[str, Any]) -> None:
        """An agent."""
        await self.there.registry.put(Ref("Agent", name), Registration("0" * 16, agent))

    async def hear(self, text: str, *, agent: str = "claude", **more: Any) -> list[Spoken]:
        """Say it, and hear the answer out."""
        async with aclosing(self.talks.say(Say(agent, text, **more))) as spoken:
            return [piece async for piece in spoken]

    async def say(self, text: str, **more: Any) -> Said:
        """Say it; the end of the answer."""
        said = (await self.hear(text, **more))[-1]
        assert isinstance(said, Said)
        return said

    async def text(self, text: str, **more: Any) -> str:
        """Say it; the whole answer, which is what was streamed."""
        pieces = await self.hear(text, **more)
        said = pieces[-1]
        assert isinstance(said, Said)
        assert "".join(p.text for p in pieces if isinstance(p, Text)) == said.answer.reply.text
        return said.answer.reply.text

    async def told(self, session: str) -> list[tuple[str, str, bool]]:
        """The turns of a session."""
        return [(t.role, t.content, t.cut) for t in await self.sessions.turns(session)]

    async def vendor_id(self, session: str) -> str:
        """The CLI's own id of a session."""
        found = await self.sessions.get(session)
        return found.vendor if found is not None else "?"


@asynccontextmanager
async def room(home: Path, *script: Any, path: str = "") -> AsyncIterator[Room]:
    """Agents `claude` and `lines` on one scripted vendor. `path`: before the user's PATH."""
    env = {**os.environ, "ANTHROPIC_API_KEY": "sk-the-real-one"}
    env["PATH"] = path + env["PATH"]
    async with AsyncExitStack() as held:
        vendor = await held.enter_async_context(AnthropicServer(script))
        account = spec(vendor, models=[])
        there = await held.enter_async_context(scene(home, main=account))
        door = await held.enter_async_context(opened(home / "web", models=there.accounts))
        link = KeeperLink(home / "run", grace=5.0)
        processes = AgentProcesses(link)
        await held.enter_async_context(_kept(link))
        file, clock = SessionFile(home), SystemClock()
        held.callback(file.close)
        followed: list[str] = []
        made: list[ProcessTalk] = []
        sessions = SqliteSessions(file, clock, changed=lambda s: made[0].changed(s))
        ground = Ground(
            processes, AgentPlaces(home, env, sources=lambda: followed),
            Allowances(there.accounts, door.tokens, port=lambda: door.web.port),
            McpServers(there.registry, SystemKeys({"SERVER_KEY": "the-servers-own"}, home=home)),
            Pinning(lambda: followed),
        )  # fmt: skip
        talk = ProcessTalk(ground, sessions, clock)
        made.append(talk)
        background = await held.enter_async_context(Background())
        await held.enter_async_context(talk.run())
        talks = Conversations(
            sessions, there.accounts, there.registry, clock, background, programs=talk
        )
        found = Room(home, talks, talk, sessions, there, door, link, processes, vendor, followed)
        await found.declare("claude", facts(CLAUDE))
        await found.declare("lines", facts(LINES))
        yield found


@asynccontextmanager
async def _kept(link: KeeperLink) -> AsyncIterator[None]:
    running = asyncio.ensure_future(link.run())
    try:
        assert await link.ready(10)
        yield
        await link.end()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def until(holds: Any, *, seconds: float = 10.0) -> None:
    """Wait until a condition of another process holds."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


def alive(*pids: int) -> list[int]:
    """Which of them run; a zombie does not."""
    found = []
    for pid in pids:
        with suppress(OSError):
            stat = Path(f"/proc/{pid}/stat").read_text()
            if stat.rpartition(")")[2].split()[0] != "Z":
                found.append(pid)
    return found


def whole(there: Room) -> list[int]:
    """The one program that runs, and all it started."""
    (pid,) = there.processes.pids
    return [pid, *below(pid)]
