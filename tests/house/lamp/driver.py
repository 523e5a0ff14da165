"""Driver of a lamp: reads and writes its file."""

# ruff: noqa: I001 - p42.kinds.lamp is there only in the copy that the test makes

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from p42.kinds.lamp.plan import LampStep, Light, Seen
from p42.kinds.lamp.spec import LampSpec
from p42.model.kind import Want
from p42.model.ports import World
from p42.model.refs import Ref


class LampDriver:
    """All a lamp touches lies in `lamps/` of the home."""

    def __init__(self, world: World) -> None:
        self._files = world.files
        self._folder = world.home / "lamps"

    def _path(self, ref: Ref) -> Path:
        return self._folder / ref.name

    async def observe(self, ref: Ref, want: Want[LampSpec] | None) -> Seen:
        """The colour in the file."""
        entry = self._files.look(self._path(ref))
        return Seen(entry.data.decode() if entry else None)

    async def act(self, ref: Ref, want: Want[LampSpec] | None, step: LampStep) -> None:
        """Write or remove the file."""
        if isinstance(step, Light):
            self._files.place(self._path(ref), step.colour.encode(), mode=0o644)
        else:
            self._files.remove(self._path(ref))

    async def watch(self, wake: Callable[[Ref | None], None]) -> None:
        """Follow the folder."""
        async for names in self._files.follow(self._folder):
            for name in names:
                wake(Ref("Lamp", name))
