"""A smithy: the forge over a real home, a real database, and replies as agents give them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from p42.ai.forge.forge import Forge
from p42.ai.forge.sheet import look
from p42.manifest.kindbook import KindBook
from p42.model.completion import ToolCall
from p42.model.ports import Processes, Registration
from p42.model.refs import Ref
from p42.model.resource import Resource
from p42.model.talk import Forged, Heard
from p42.runtimes.clock import SystemClock
from p42.runtimes.disk.files import DiskFiles
from p42.stores.approvals import SqliteApprovals
from p42.stores.registry import SqliteRegistry
from p42.stores.state.database import Database

SMITH = {"forge": True}
BOOK = KindBook.load()


@dataclass
class Smithy:
    """`elsewhere` is declared in a followed source of the user's."""

    home: Path
    forge: Forge
    approvals: SqliteApprovals
    registry: SqliteRegistry
    elsewhere: dict[Ref, Resource] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)

    async def hear(
        self, text: str, *calls: ToolCall, agent: Any = SMITH, session: str = "s-1",
        name: str = "muse", **more: Any,
    ) -> Sequence[Forged]:  # fmt: skip
        """What comes of a whole reply of muse."""
        return await self.forge.heard(Heard(name, agent, session, text, "m-1", calls, **more))

    async def one(self, **spec: Any) -> Forged:
        """What comes of one spec in a reply."""
        (made,) = await self.hear(fenced(**spec))
        return made

    async def into(self, directory: Path | str, *, name: str = "muse", session: str = "s-1",
                   command: str = "hello", text: str = "echo hi") -> Forged:  # fmt: skip
        """What comes of a spec that a person wants in a directory; "" = they name none."""
        said = fenced(name=command, implementation=text)
        (made,) = await self.hear(said, name=name, session=session, into=str(directory))
        return made

    def declare(self, file: Path) -> None:
        """The engine has read the command `hello` in it."""
        found = look(BOOK, "hello", file.read_bytes())
        self.elsewhere[found.ref] = replace(found, place=replace(found.place, file=str(file)))

    def read(self, name: str) -> Resource:
        """The manifest that was written."""
        return look(BOOK, name, self.sheet(name).read_bytes())

    def sheet(self, name: str) -> Path:
        """Where its manifest goes."""
        return self.home / "manifests" / "commands" / f"{name}.yaml"

    async def claim(self, name: str) -> None:
        """The loop forged it."""
        await self.registry.put(Ref("Command", name), Registration("", {}))

    @property
    def written(self) -> list[str]:
        """Every file that is no database, relative to the home."""
        files = (path for path in self.home.rglob("*") if not path.is_dir())
        names = (str(path.relative_to(self.home)) for path in files)
        return sorted(name for name in names if not name.startswith("state."))


def fenced(**spec: Any) -> str:
    """A reply with one spec in it."""
    return f"Here it is:\n\n```json\n{json.dumps(spec, indent=2)}\n```\nHave fun."


@asynccontextmanager
async def smithy(
    home: Path, *, path: str = "", processes: Processes | None = None,
    waits: Callable[[Resource], bool] = lambda _: True,
) -> AsyncIterator[Smithy]:  # fmt: skip
    """`path`: what is on PATH. `processes`: what reads and begins a script; None = nothing does."""
    with Database.open(home) as database:
        approvals = SqliteApprovals(database, clock=SystemClock())
        registry, elsewhere = SqliteRegistry(database), dict[Ref, Resource]()
        sources = [str(home / "manifests")]
        files = DiskFiles(home, path=path or os.environ["PATH"])
        forge = Forge(
            home, files, approvals=approvals, registry=registry, book=BOOK,
            declared=elsewhere.get, sources=lambda: sources, processes=processes,
            waits=waits,
        )  # fmt: skip
        yield Smithy(home, forge, approvals, registry, elsewhere, sources)
