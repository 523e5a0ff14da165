"""AgentFiles: what one run of an agent's program is given in files: its MCP servers, long texts.

They may hold secrets of the servers', so they are 0600 in a directory of the run's own, from their
first byte on, and gone with the run; what a crash left is swept at the next start.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from p42.model.faults import fault

PREFIX = "run-"
TMP = "tmp"
NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


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
            # Another run of the agent may put a link in its place: what is opened is written into.
            into = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                handle = os.open(name, NEW, 0o600, dir_fd=into)
            finally:
                os.close(into)
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError as error:
            raise fault(error, str(path)) from error
        return path


def made(own: Path) -> None:
    """An agent's directory and its TMPDIR are there; what its program put in their place is gone.

    Blocking. Raises Blocked or Retry, which name the one that cannot be made.
    """
    where = own
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        if own.stat().st_mode & stat.S_IRWXU != stat.S_IRWXU:  # its program may have shut it
            own.chmod(0o700)
        where = own / TMP
        if where.is_symlink() or (where.exists() and not where.is_dir()):
            where.unlink(missing_ok=True)
        where.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise fault(error, str(where)) from error


def sweep(agents: Path) -> None:
    """Remove what runs left that have ended. At start, when none runs. Blocking."""
    for pattern in (f"*/{PREFIX}*", f"*/{TMP}"):
        for left in agents.glob(pattern):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
                continue
            with suppress(OSError):  # whoever needs its place says what is wrong
                left.unlink()
