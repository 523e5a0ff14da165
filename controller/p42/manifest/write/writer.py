"""StatusWriter: takes settled statuses and writes each to where it belongs; the newest wins."""
# STAND-IN by the architect (sidecar only) so that the loop can stand; H8 replaces this file.

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from p42.model.refs import Ref
from p42.model.resource import Resource


class StatusWriter:
    """One per home."""

    def __init__(self, home: Path, *, mode: str = "inline") -> None:
        self._home, self._mode = home, mode
        self._pending: dict[Ref, tuple[Resource, Mapping[str, Any] | None]] = {}
        self._due = asyncio.Event()

    def put(self, resource: Resource, body: Mapping[str, Any] | None) -> None:
        """Write `body` soon; None takes it out."""
        self._pending[resource.ref] = (resource, body)
        self._due.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        pending, self._pending = self._pending, {}
        for resource, body in pending.values():
            _write(resource, body)

    def mode_of(self, _directory: str) -> str:
        """How status reaches a directory, for a person."""
        return "sidecar"


def _write(resource: Resource, body: Mapping[str, Any] | None) -> None:
    ref = resource.ref
    own = Path(resource.place.file).parent / ".p42"
    path = own / "status" / f"{ref.kind.lower()}-{ref.name}.yaml"
    try:
        if body is None:
            path.unlink(missing_ok=True)
            return
        text = yaml.safe_dump({"status": dict(body)}, sort_keys=False)
        if path.exists() and path.read_text() == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        (own / ".gitignore").write_text("*\n")
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text)
        temporary.replace(path)
    except OSError:
        return
