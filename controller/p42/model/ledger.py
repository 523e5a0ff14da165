"""Ledger: what was ever begun under this home, and so has to be ended. The engine's finalizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from p42.model.plan import Instant
from p42.model.refs import Ref
from p42.model.resource import Resource


@dataclass(frozen=True, slots=True)
class Entry:
    """Written before the first act on a ref; erased after its last. `resource` = last good one."""

    ref: Ref
    source: str  # the followed source it came from
    resource: Resource  # place (file, document), spec, files, annotations: the last good document
    needs: tuple[Ref, ...]
    deletion: Literal["delete", "retain"]
    generation: int
    created: Instant
    paused: bool = False  # `p42 pause`, kept over restarts
    held: bool = False  # its deletion waits for --prune, kept over restarts
    reached: str = ""  # digest last made real; kept only where `p42.dev/heal: warn` asks for it
    let: str | None = None  # digest of what `resource` executes, as it was let through; None = old
    head: str = ""  # where git's HEAD was then, where that was asked


class Ledger(Protocol):
    """Durable. Reads come from memory; a write returns when it is on disk (FULL, group commit)."""

    def entries(self) -> tuple[Entry, ...]:
        """All entries, sorted by ref."""

    async def record(self, entry: Entry) -> None:
        """Insert or replace."""

    async def erase(self, ref: Ref) -> None:
        """Remove. Nothing there: no effect."""

    def sources(self) -> tuple[str, ...]:
        """Followed sources, absolute paths, in the order they were first applied."""

    async def follow(self, source: str) -> None:
        """Remember a source."""

    async def forget(self, source: str) -> None:
        """Forget a source."""

    @property
    def lost(self) -> bool:
        """Whether the database had to be rebuilt at this start: then nothing is deleted."""
