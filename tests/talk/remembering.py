"""Remembering: a home with a memory/ of an original, over several starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from p42.stores.sessions.file import NAME, SessionFile
from p42.stores.sessions.memoryfiles import MemoryFiles
from p42.stores.sessions.memoryimport import MemoryImport
from p42.stores.sessions.memorymirror import MemoryMirror
from p42.stores.sessions.sessions import SqliteSessions
from tests.talk.test_sessions import Noon

FIRST = {
    "id": "cli-1", "agent": "@ai-muse", "state": "active",
    "created_at": "2026-11-21T09:20:11.835930414Z", "updated_at": "2026-11-21T09:20:12Z",
    "last_activity": "0001-01-01T00:00:00Z",
    "messages": [{"role": "user", "content": "q", "timestamp": "2026-11-21T09:20:11Z"}],
    "metadata": {"model": "m"},
}  # fmt: skip
SAID = FIRST["messages"][0]  # type: ignore[index]


class Home:
    """A home over several starts."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock, self.told = path, Noon(), list[str]()
        self.clock.time = 1_795_252_900.0
        self.file = SessionFile(path)
        self.join()

    def join(self) -> None:
        self.files = MemoryFiles(self.file)
        self.sessions = SqliteSessions(
            self.file, self.clock, changed=lambda name: self.mirror.changed(name)
        )
        self.mirror = MemoryMirror(self.path, self.sessions, self.files, self.clock)

    async def start(self, *, ruined: bool = False) -> int:
        """As the daemon does; how many were read in."""
        self.file.close()
        if ruined:
            (self.path / NAME).write_bytes(b"no database at all" * 1000)
        self.file = SessionFile(self.path)
        self.join()
        self.told.clear()
        given = self.path, self.sessions, self.files
        taken = await MemoryImport(*given, tell=self.told.append).run()
        await self.mirror.begin()
        await self.mirror.flush()
        return taken

    def put(self, name: str, body: Any, *, day: str = "2025-07-17") -> Path:
        path = self.path / "memory" / "sessions" / day / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body if isinstance(body, str) else json.dumps(body))
        return path

    async def say(self, session: str, *texts: str) -> None:
        await self.sessions.begin(session, "muse", title=texts[0])
        for text in texts:
            await self.sessions.add(session, "user", text)
        await self.mirror.flush()

    async def ids(self) -> set[str]:
        return {each.id for each in await self.sessions.list(archived=True)}

    def there(self) -> list[str]:
        """Ids of the files."""
        found = (self.path / "memory" / "sessions").glob("*/*.json")
        return sorted(json.loads(path.read_text())["id"] for path in found)
