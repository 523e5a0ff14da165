"""Cage: the sandbox of this machine, looked for once, when the first program needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from p42.model.grants import Grants
from p42.runtimes.sandbox import Sandbox, needed


class Cage:
    """`path` is the user's PATH."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sandbox: Sandbox | None = None

    async def wrap(
        self, argv: Sequence[str], grants: Grants | None, cwd: Path | None
    ) -> Sequence[str]:
        """`argv` as it is without grants; else inside. Blocked: this machine has no sandbox."""
        if grants is None:
            return argv
        if self._sandbox is None:  # looked for again: it may have been installed meanwhile
            self._sandbox = await asyncio.to_thread(Sandbox.find, self._path)
        return needed(self._sandbox).wrap(argv, grants, cwd)
