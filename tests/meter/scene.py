"""Scene: a meter on a real database, a clock that goes as told, and what a call of a test says."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from p42.ai.meter.meter import Meter, Reservation, Settled
from p42.model.completion import Usage
from p42.model.money import Price
from p42.model.plan import Instant
from p42.stores.keys.redaction import Redactor
from p42.stores.meter.book import MeterBook
from p42.stores.state.database import Database

JANUARY = 1_768_435_200.0  # 2026-01-15T00:00:00Z
DAY = 86_400.0
PRICE = Price(1_000_000, 1_000_000, 500_000, 1_000_000)  # a token costs a micro-dollar
_names = itertools.count(1)


class Timepiece:
    """The Clock port. `at` is wall time and may be set; `go` moves both hands."""

    def __init__(self, at: float = JANUARY) -> None:
        self.at, self.run = at, 0.0

    def now(self) -> Instant:
        return Instant(self.at)

    def monotonic(self) -> float:
        return self.run

    def go(self, seconds: float) -> None:
        self.at += seconds
        self.run += seconds

    async def sleep(self, seconds: float) -> None:
        self.go(seconds)
        await asyncio.sleep(0)


def hard(usd: float, *warn_at: float, **further: Any) -> dict[str, Any]:
    """The spec of an account with a hard budget."""
    budget = {"monthlyUsd": usd, "warnAt": list(warn_at), "hard": True}
    return {"provider": "anthropic", "budget": budget, **further}


def soft(usd: float, *warn_at: float) -> dict[str, Any]:
    """The same, where the budget only warns."""
    return {"provider": "anthropic", "budget": {"monthlyUsd": usd, "warnAt": list(warn_at)}}


def limited(**rate: Any) -> dict[str, Any]:
    """The spec of an account with a rate limit and no budget."""
    return {"provider": "anthropic", "rateLimit": rate}


class Scene:
    """One account, `personal`, where nothing else is said."""

    def __init__(self, database: Database, clock: Timepiece) -> None:
        self.database, self.clock = database, clock
        self.book = MeterBook(database)
        self.redactor = Redactor()
        self.meter = Meter(self.book, clock=clock, clean=self.redactor.clean)

    async def reserve(
        self, spec: dict[str, Any], tokens: int = 100, *, request: str = "",
        price: Price | None = PRICE, account: str = "personal", attempt: int = 1,
    ) -> Reservation:  # fmt: skip
        return await self.meter.reserve(
            request=request or f"r{next(_names)}", account=account, spec=spec, agent="agent/muse",
            model="some-model", tokens_in=tokens, tokens_out=0, price=price, attempt=attempt,
        )  # fmt: skip

    async def settle(
        self, reservation: Reservation, used: int | Usage | None, *, outcome: str = "ok",
        price: Price | None = PRICE,
    ) -> int:  # fmt: skip
        """What it cost, when that is on disk."""
        told = await self.settled(reservation, used, outcome=outcome, price=price).written
        return told.cost

    def settled(
        self, reservation: Reservation, used: int | Usage | None, *, outcome: str = "ok",
        price: Price | None = PRICE,
    ) -> Settled:  # fmt: skip
        """The same, as an exchange does it: nobody waits for the disk."""
        usage = Usage(input=used) if isinstance(used, int) else used
        return self.meter.settle(
            reservation, usage=usage, price=price, outcome=outcome, vendor_id="req_1", latency=0.25
        )

    async def call(self, spec: dict[str, Any], used: int = 100, **further: Any) -> int:
        """One call, from its reservation to its bill."""
        made = await self.reserve(spec, used, **further)
        return await self.settle(made, used, price=further.get("price", PRICE))


@contextmanager
def opened(home: Path, clock: Timepiece | None = None) -> Iterator[Scene]:
    """A daemon's meter from its start to its clean end."""
    with Database.open(home) as database:
        yield Scene(database, clock or Timepiece())


def killed(home: Path) -> Path:
    """The home as a `kill -9` at this moment leaves it: what is in its files, and nothing else."""
    left = home.with_name(f"{home.name}-")
    left.mkdir(mode=0o700)
    for path in home.glob("state.db*"):
        if not path.name.endswith("-shm"):
            shutil.copyfile(path, left / path.name)
    return left
