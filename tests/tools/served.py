"""Served: MCP servers that p42 runs, over a real keeper and real sandboxes."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p42.ai.mcp.servers import McpServers
from p42.ai.programs.pinning import Pinning
from p42.ai.tools.servers import ToolServers
from p42.ai.tools.tools import Tools
from p42.model.completion import ToolCall
from p42.model.ports import Registration, World
from p42.model.refs import Ref
from p42.model.talk import Used
from p42.runtimes.agents.place import SERVERS, AgentPlaces
from p42.runtimes.agents.process import AgentProcesses
from p42.runtimes.clock import SystemClock
from p42.runtimes.keeping.link import KeeperLink
from p42.stores.keys.keys import SystemKeys
from tests.process.room import _kept
from tests.tools.shop import Notes, rules

SERVER = Path(__file__).parent / "programs" / "server.py"


@dataclass
class Registry:
    """What is declared."""

    rows: dict[Ref, Registration] = field(default_factory=dict)

    def get(self, ref: Ref) -> Registration | None:
        return self.rows.get(ref)

    def refs(self) -> tuple[Ref, ...]:
        return tuple(sorted(self.rows))


@dataclass
class Served:
    """Integrations by hand, and an agent that may call all of them."""

    home: Path
    registry: Registry
    servers: ToolServers
    processes: AgentProcesses
    tools: Tools
    notes: Notes
    pinning: Pinning
    agent: dict[str, Any] = field(
        default_factory=lambda: {"tools": ["files"], **rules(allow=["integration/*"])}
    )

    def declare(self, *args: str, name: str = "files", **config: Any) -> None:
        """An Integration of type mcp."""
        found = {"command": sys.executable, "args": [str(SERVER), *args], **config}
        self.registry.rows[Ref("Integration", name)] = Registration(
            "0" * 16, {"type": "mcp", "actions": [], "config": found}
        )

    def looks(self) -> list[Any]:
        return []

    def commands(self) -> list[Any]:
        return []

    async def run(self, tool: str, arguments: dict[str, Any] | None = None) -> Used:
        """Call it as the agent does."""
        await self.tools.ready("muse", self.agent)
        call = ToolCall("c1", f"integration_files_{tool}", arguments or {})
        return await self.tools.run("muse", self.agent, call, "s")

    def said(self, reason: str) -> list[str]:
        """The events of a reason."""
        return [message for _, why, message, _ in self.notes.said if why == reason]


@asynccontextmanager
async def served(
    home: Path, *, path: str = "", sources: Sequence[str] = ()
) -> AsyncIterator[Served]:
    """`path`: before the user's PATH."""
    env = {**os.environ, "ANTHROPIC_API_KEY": "sk-the-real-one", "PATH": path + os.environ["PATH"]}
    link, registry, clock = KeeperLink(home / "run", grace=5.0), Registry(), SystemClock()
    processes, notes = AgentProcesses(link), Notes()
    pinning = Pinning(lambda: sources)
    keys = SystemKeys({"SERVER_KEY": "the-servers-own"}, home=home)
    servers = ToolServers(
        McpServers(registry, keys), processes,
        AgentPlaces(home, env, sources=lambda: sources, ward=SERVERS),
        pinning=pinning, clock=clock,
    )  # fmt: skip
    tools = Tools(clean=lambda text: text.replace("the-servers-own", "***"), servers=servers)
    async with _kept(link), servers.run():
        found = Served(home, registry, servers, processes, tools, notes, pinning)
        tools.open(World(home, clock, journal=notes), found)
        servers.open(notes)
        found.declare()
        yield found
    assert processes.pids == frozenset()
