"""NoUnits: what a plan sees where no daemon runs, and so no keeper is asked: nothing is held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from p42.keeper.listener import is_free
from p42.model.errors import Retry
from p42.model.refs import Ref
from p42.model.sockets import Declaration, Probe, Unit
from p42.runtimes.squatters import holder


class NoUnits:
    """The Units port of a dry run. Nothing can be done through it."""

    def __init__(self, idle: float) -> None:
        self._idle = idle

    @property
    def idle(self) -> float:
        """The configuration's."""
        return self._idle

    def get(self, ref: Ref) -> Unit | None:
        """Nothing."""
        return None

    async def holder(self, port: int) -> str:
        """Who listens on `port`, for a person; "" = nobody."""
        return "" if is_free(port) else await asyncio.to_thread(holder, port)

    async def declare(self, ref: Ref, declaration: Declaration) -> None:
        """Refused."""
        raise Retry(_AWAY)

    async def drop(self, ref: Ref) -> None:
        """Refused."""
        raise Retry(_AWAY)

    async def wake(self, ref: Ref) -> None:
        """Refused."""
        raise Retry(_AWAY)

    async def probe(self, ref: Ref) -> Probe | None:
        """None is awake."""
        return None

    async def follow(self) -> AsyncIterator[Ref | None]:
        """Nothing ever changes."""
        return
        yield


_AWAY = "no keeper runs, since no daemon does: p42 start"
