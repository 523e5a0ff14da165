"""Grounding: what programs that are agents stand on, made and joined."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from p42.ai.accounts.accounts import Accounts
from p42.ai.mcp.servers import McpServers
from p42.ai.programs.allowance import Allowances
from p42.ai.programs.pinning import Pinning
from p42.ai.programs.program import Ground
from p42.ai.tools.servers import ToolServers
from p42.model.ports import Clock
from p42.runtimes.agents.place import SERVERS, AgentPlaces
from p42.runtimes.agents.process import AgentProcesses
from p42.stores.keys.keys import SystemKeys
from p42.stores.registry import SqliteRegistry
from p42.stores.tokens import SqliteTokens


def grounding(
    home: Path,
    processes: AgentProcesses,
    accounts: Accounts,
    *,
    registry: SqliteRegistry,
    keys: SystemKeys,
    tokens: SqliteTokens,
    port: Callable[[], int | None],
    sources: Callable[[], Sequence[str]],
    pinning: Pinning,
) -> Ground:
    """`port` is the HTTP door's, `sources` are the directories p42 follows."""
    return Ground(
        processes,
        AgentPlaces(home, os.environ, sources=sources),
        Allowances(accounts, tokens, port=port),
        McpServers(registry, keys),
        pinning,
        wards=AgentPlaces(home, os.environ, sources=sources, ward=SERVERS),
    )


def tool_servers(ground: Ground, clock: Clock) -> ToolServers | None:
    """The servers that p42 runs for agents; None = there is no place for them."""
    if ground.wards is None:
        return None
    return ToolServers(
        ground.servers, ground.processes, ground.wards, pinning=ground.pinning, clock=clock
    )
