"""McpServers: the MCP servers among an agent's tools, as their Integrations declare them.

For the claude CLI, which starts them itself, as it is told of them:

    {"NAME": {"type": "stdio", "command", "args", "env"} | {"type": "http", "url", "headers"}}

Each has its `type`: without it the CLI hangs silently (anthropics/claude-code#18791). References in
`env` and `headers` are resolved; one that leads to nothing is Blocked, never an empty value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from p42.ai.accounts.ports import Registered
from p42.kinds.fields import KEY_PATTERN
from p42.model.errors import Blocked
from p42.model.refs import Ref
from p42.model.secret import Keys

Server = Mapping[str, Any]
TYPE = "mcp"  # of the Integrations that are servers
_REFERENCE = re.compile(KEY_PATTERN)
_IN = 'cd "$0" && exec "$@"'  # the CLI's file has no directory to start a server in


class McpServers:
    """Reads the registry; Integrations of other types are nobody's to start."""

    def __init__(self, registry: Registered, keys: Keys) -> None:
        self._registry, self._keys = registry, keys

    def declared(self, name: str) -> Server | None:
        """The `config` of an MCP server as it is registered now; None = it is none.

        Blocked for an Integration that is not registered.
        """
        row = self._registry.get(Ref("Integration", name))
        if row is None:
            raise Blocked(f"integration/{name} is not registered; see: p42 describe int/{name}")
        return (row.facts.get("config") or {}) if row.facts.get("type") == TYPE else None

    async def resolved(self, config: Server) -> Server:
        """`config` with what its references lead to. Blocked for a key that is not there."""
        held = {word: await self._values(config.get(word) or {}) for word in ("env", "headers")}
        return {**config, **held}

    async def of(self, tools: Sequence[str]) -> dict[str, Server]:
        """Those among `tools`, by name. Blocked for a tool or a key that is not there."""
        found = {name: self.declared(name) for name in tools}
        return {
            name: _for_the_cli(await self.resolved(config))
            for name, config in found.items() if config is not None
        }  # fmt: skip

    async def _values(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {
            name: (await self._keys.read(value)).reveal() if _REFERENCE.search(value) else value
            for name, value in values.items()
        }


def _for_the_cli(config: Server) -> Server:
    if "url" in config:
        return {"type": "http", "url": config["url"], "headers": config["headers"]}
    argv = [str(config.get("command", "")), *config.get("args", ())]
    if config.get("cwd"):
        argv = ["/bin/sh", "-c", _IN, str(config["cwd"]), *argv]
    return {"type": "stdio", "command": argv[0], "args": argv[1:], "env": config["env"]}
