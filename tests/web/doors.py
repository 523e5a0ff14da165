"""The HTTP door on real sockets, over a real database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p42.model.ports import World
from p42.runtimes.clock import SystemClock
from p42.stores.state.database import Database
from p42.stores.tokens import SqliteTokens
from p42.web.web import Web


@dataclass
class Opened:
    """A door that listens, and its tokens."""

    web: Web
    tokens: SqliteTokens

    @property
    def port(self) -> int:
        assert self.web.port is not None, self.web.note
        return self.web.port

    async def secret(self, *scopes: str, lifetime: float | None = None) -> str:
        """Of a new token of the person's."""
        made = await self.tokens.create(
            name="test", scopes=scopes or ("agents",), lifetime=lifetime
        )
        return made[1]


@asynccontextmanager
async def opened(
    home: Path, *, port: int = 0, models: Any = None, clock: Any = None
) -> AsyncIterator[Opened]:
    """`models` as in World; without them the ways that ask models are bugs."""
    clock = clock or SystemClock()
    with Database.open(home) as database:
        tokens = SqliteTokens(database, clock=clock)
        web = Web(port, tokens)
        further = {} if models is None else {"models": models}
        running = asyncio.ensure_future(web.run(World(home=home, clock=clock, **further)))
        try:
            async with asyncio.timeout(10):
                await web.tried.wait()
            yield Opened(web, tokens)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
