"""McpServers: the MCP servers among an agent's tools, as the claude CLI is told of them.

    {"NAME": {"type": "stdio", "command", "args", "env"} | {"type": "http", "url", "headers"}}

Each has its `type`: without it the CLI hangs silently (anthropics/claude-code#18791). References in
`env` and `headers` are resolved; one that leads to nothing is Blocked, never an empty value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from p42.ai.ports import Registered
from p42.kinds.fields import KEY_PATTERN
from p42.model.errors import Blocked
from p42.model.refs import Ref
from p42.model.secret import Keys

Server = Mapping[str, Any]
_REFERENCE = re.compile(KEY_PATTERN)
_IN = 'cd "$0" && exec "$@"'  # the CLI's file has no directory to start a server in


class McpServers:
    """Reads the registry; Integrations of other types are not the CLI's to start."""

    def __init__(self, registry: Registered, keys: Keys) -> None:
        self._registry, self._keys = registry, keys

    async def of(self, tools: Sequence[str]) -> dict[str, Server]:
        """Those among `tools`, by name. Blocked for a tool or a key that is not there."""
        found: dict[str, Server] = {}
        for name in tools:
            row = self._registry.get(Ref("Integration", name))
            if row is None:
                raise Blocked(f"integration/{name} is not registered; see: p42 describe int/{name}")
            if row.facts.get("type") == "mcp":
                found[name] = await self._server(row.facts.get("config") or {})
        return found

    async def _server(self, config: Mapping[str, Any]) -> Server:
        if "url" in config:
            headers = await self._resolved(config.get("headers") or {})
            return {"type": "http", "url": config["url"], "headers": headers}
        argv = [str(config.get("command", "")), *config.get("args", ())]
        if config.get("cwd"):
            argv = ["/bin/sh", "-c", _IN, str(config["cwd"]), *argv]
        env = await self._resolved(config.get("env") or {})
        return {"type": "stdio", "command": argv[0], "args": argv[1:], "env": env}

    async def _resolved(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {
            name: (await self._keys.read(value)).reveal() if _REFERENCE.search(value) else value
            for name, value in values.items()
        }
