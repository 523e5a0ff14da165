"""AgentFiles: what one run of an agent's program is given in files: its MCP servers, long texts.

They may hold secrets of the servers', so they are 0600 in a directory of the run's own, from their
first byte on, and gone with the run; what a crash left is swept at the next start.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from p42.model.faults import fault

PREFIX = "run-"


class AgentFiles:
    """`with AgentFiles(own) as files:`; `own` is the agent's directory."""

    def __init__(self, own: Path) -> None:
        self._directory = own / f"{PREFIX}{secrets.token_hex(6)}"

    def __enter__(self) -> AgentFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        shutil.rmtree(self._directory, ignore_errors=True)

    def servers(self, servers: Mapping[str, Any]) -> Path:
        """The file that --mcp-config takes. Blocking. Raises Retry for a full disk."""
        return self._write("mcp.json", json.dumps({"mcpServers": servers}))

    def text(self, text: str) -> Path:
        """A text that is too long for an argument."""
        return self._write("system.txt", text)

    def _write(self, name: str, text: str) -> Path:
        path = self._directory / name
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError as error:
            raise fault(error, str(path)) from error
        return path


def sweep(agents: Path) -> None:
    """Remove what runs left that have ended. At start, when none runs. Blocking."""
    for pattern in (f"*/{PREFIX}*", "*/tmp"):
        for left in agents.glob(pattern):
            shutil.rmtree(left, ignore_errors=True)
