"""Cage: the sandbox of this machine, looked for once, when the first program needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from p42.model.grants import Grants
from p42.runtimes.sandbox.reach import Reach
from p42.runtimes.sandbox.sandbox import Sandbox, needed
from p42.runtimes.sandbox.settled import of_command


class Cage:
    """`path` is the user's PATH, `home` p42's."""

    def __init__(self, path: str, home: Path) -> None:
        self._path, self._home = path, home
        self._sandbox: Sandbox | None = None

    async def wrap(
        self, argv: Sequence[str], grants: Grants | None, cwd: Path | None
    ) -> Sequence[str]:
        """`argv` as it is without grants; else inside.

        Blocked: this machine has no sandbox, or a grant leads where nobody meant it to.
        """
        if grants is None:
            return argv
        if self._sandbox is None:  # looked for again: it may have been installed meanwhile
            self._sandbox = await asyncio.to_thread(Sandbox.find, self._path)
        taken = await asyncio.to_thread(of_command, grants, self._home)
        return await asyncio.to_thread(needed(self._sandbox).wrap, argv, taken, cwd)

    async def reach(self, grants: Grants) -> Reach:
        """What a program that was wrapped with `grants` can write."""
        form = needed(self._sandbox).form
        taken = await asyncio.to_thread(of_command, grants, self._home)
        return await asyncio.to_thread(Reach.of, taken, form, private=self._home)
