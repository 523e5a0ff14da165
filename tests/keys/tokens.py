"""A daemon's keys and tokens, with a token endpoint on this machine and a clock to be set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p42.ai.accounts.refresh import Tokens
from p42.model.plan import Instant
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.redaction import Redactor
from tests.keys.boxes import Box
from tests.keys.oauth import TokenServer

ME = "keychain:claude/me"
NOW = 1_790_000_000.0


@dataclass
class Wall:
    """A clock on the wall that somebody sets."""

    time: float = NOW

    def now(self) -> Instant:
        return Instant(self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Scene:
    """A daemon's keys and tokens; `restart` is the next daemon's."""

    home: Path
    server: TokenServer
    box: Box
    wall: Wall = field(default_factory=Wall)
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> Tokens:
        self.redactor = Redactor()
        self.keys = SystemKeys(self.env, home=self.home, redactor=self.redactor)
        self.tokens = Tokens(self.keys, self.redactor, clock=self.wall)
        return self.tokens

    def keep(self, **more: Any) -> dict[str, Any]:
        granted = self.server.grant(**{"expires_at": NOW + 3600, **more})
        self.box.held["claude", "me"] = json.dumps(granted)
        return granted

    def kept(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.box.held["claude", "me"])
        return found

    async def token(self, reference: str = ME, **how: Any) -> str:
        return (await self.tokens.current(reference, **how)).reveal()


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await done():
            await asyncio.sleep(0.005)
