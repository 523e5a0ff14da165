"""A real world in a real directory: files, processes, SQLite, keys; what the daemon has."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from p42.ai.accounts.accounts import Accounts, Ports
from p42.ai.accounts.refresh import Tokens
from p42.ai.meter.meter import Meter
from p42.model.kind import AnyKind, Driver, Want
from p42.model.plan import Plan
from p42.model.ports import World
from p42.model.refs import Ref
from p42.providers.prices import context_of, price_of
from p42.runtimes.clock import SystemClock
from p42.runtimes.disk.files import DiskFiles
from p42.runtimes.disk.pins import DiskPins
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.keeping.units import KeeperUnits
from p42.runtimes.processes import LocalProcesses
from p42.stores.approvals import SqliteApprovals
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.redaction import Redactor
from p42.stores.leases import SqlitePortLeases
from p42.stores.meter.book import MeterBook
from p42.stores.registry import SqliteRegistry
from p42.stores.state.database import Database
from p42.stores.works import SqliteWorks

PASSES = 4  # start tests, end of tests, write: more means that it does not converge


@dataclass
class Reality:
    """A home and one kind's driver in it."""

    kind: AnyKind
    world: World
    driver: Driver[Any, Any, Any]
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def commands(self) -> Path:
        """Where commands are forged."""
        return self.world.home / "commands"

    async def look(self, ref: Ref, want: Want[Any] | None) -> tuple[Any, Plan[Any]]:
        """Observe and plan; what is asked of a vendor in the background is waited for."""
        async with asyncio.timeout(10):
            while True:
                seen = await self.driver.observe(ref, want)
                plan = self.kind.plan(want, seen, self.world.clock.now())
                health = getattr(seen, "health", None)
                if health is None or health.reason != "InProgress":
                    return seen, plan
                await asyncio.sleep(0)

    async def make(self, ref: Ref, want: Want[Any] | None) -> tuple[Any, Plan[Any]]:
        """Act until the plan is empty and no work is left; the last look."""
        for _ in range(PASSES):
            seen, plan = await self.look(ref, want)
            if plan.in_flight:
                await self.works_end()
                continue
            if not plan.steps:
                return seen, plan
            for step in plan.steps:
                await self.driver.act(ref, want, step)
        raise AssertionError(f"not settled after {PASSES} passes: {plan}")

    async def works_end(self) -> None:
        """Wait until a work in flight has ended."""
        async with asyncio.timeout(60):
            await self.ended.wait()
        self.ended.clear()


def _manifest(home: Path) -> Callable[[Ref], Path]:
    return lambda ref: home / "manifests" / f"{ref.name}.yaml"


class _Vendor:
    """A paid stranger who takes every key."""

    async def check(self) -> None:
        """It is taken."""

    async def close(self) -> None:
        """Nothing is open."""


class _Installed:
    """A machine on which the local model is there."""

    def check(self) -> None:
        """It is."""

    def want(self, slots: int) -> None:
        """There is room."""


@asynccontextmanager
async def reality(
    kind: AnyKind, home: Path, *, env: Mapping[str, str] | None = None
) -> AsyncIterator[Reality]:
    """A real world with the ports `kind` declares. `env` is added to PATH, HOME and the like."""
    env = {**os.environ, **(env or {})}
    ended = asyncio.Event()
    with Database.open(home) as database:
        clock = SystemClock()
        keys, registry = SystemKeys(env, home=home), SqliteRegistry(database)
        link = KeeperLink(home / "run", grace=5.0)
        units = KeeperUnits(home, link, env=env, idle=60.0, said=lambda *_: None)
        async with (
            _keeping(link, wanted="units" in kind.uses),
            SqliteWorks(database, wake=lambda _: ended.set(), clock=clock) as works,
            _accounts(database, registry, keys, clock) as models,
        ):
            world = World(
                home, clock,
                files=DiskFiles(home, path=env["PATH"]),
                processes=LocalProcesses(env, home=home),
                keys=keys,
                registry=registry,
                works=works,
                units=units,
                leases=SqlitePortLeases(database, base=0, count=1),
                models=models,
                approvals=SqliteApprovals(database, clock=clock),
                pins=DiskPins(home, _manifest(home), LocalProcesses(env, home=home)),
            ).only(kind.uses)  # fmt: skip
            yield Reality(kind, world, kind.driver(world), ended)


@asynccontextmanager
async def _accounts(
    database: Database, registry: SqliteRegistry, keys: SystemKeys, clock: SystemClock
) -> AsyncIterator[Accounts]:
    """Real accounts. Their vendor is the one thing that is not."""
    redactor, here = Redactor(), cast(Any, _Installed())
    meter = Meter(MeterBook(database), clock=clock, clean=redactor.clean)
    async with Tokens(keys, redactor, clock=clock) as tokens:
        ports = Ports(
            registry=registry, keys=tokens, changes=keys.follow, meter=meter, local=here,
            opens=lambda *_, **__: cast(Any, _Vendor()), price=price_of, context=context_of,
            random=random.random,
        )  # fmt: skip
        async with Accounts(ports) as accounts:
            yield accounts


@asynccontextmanager
async def _keeping(link: KeeperLink, *, wanted: bool) -> AsyncIterator[None]:
    """A real keeper, for kinds that hold sockets."""
    if not wanted:
        yield
        return
    async with asyncio.TaskGroup() as group:
        running = group.create_task(link.run())
        try:
            await link.ask("table")
            yield
        finally:
            await link.end()
            running.cancel()
