"""Driver: the lease, the keeper's row, and one step on either. The only awaits of the kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from p42.kinds.projectci.plan import declaration_of, named_by, thinks
from p42.kinds.projectci.seen import (
    ELSEWHERE,
    NOBODY,
    Declare,
    Drop,
    Lease,
    Mind,
    Seen,
    Step,
    Unlease,
    Wake,
)
from p42.kinds.projectci.spec import KIND, ProjectCI
from p42.model.errors import Retry
from p42.model.kind import Want
from p42.model.ports import World
from p42.model.refs import Ref

SETTLE = 0.1  # s; a thousand accounts that are applied at once wake every project but once


class Driver:
    """An asleep port is observed in the keeper's table, never by connecting: that would wake it."""

    def __init__(self, world: World) -> None:
        self._units, self._leases, self._files = world.units, world.leases, world.files
        self._models, self._registry = world.models, world.registry
        self._logs = world.home / "logs" / "units"

    async def observe(self, ref: Ref, want: Want[ProjectCI] | None) -> Seen:
        """From memory, but for who holds a port that should be ours."""
        lease, unit = self._leases.get(ref), self._units.get(ref)
        declared = holder = ""
        if unit is not None:
            at_home = lease is not None and unit.port == lease.port
            declared = unit.wish if at_home else ELSEWHERE
        if lease is not None and declared in ("", ELSEWHERE):
            holder = await self._units.holder(lease.port)
        return Seen(
            lease=lease.wish if lease else "", declared=declared, port=lease.port if lease else 0,
            unit=unit, holder=holder, idle=self._units.idle, mind=self._mind(want),
        )  # fmt: skip

    async def act(self, ref: Ref, want: Want[ProjectCI] | None, step: Step) -> None:
        """One step. A lease is written before anything listens on its port."""
        match step:
            case Lease(wish):
                await self._leases.lease(ref, wish)
            case Declare():
                await self._declare(ref, want)
            case Wake():
                await self._units.wake(ref)
            case Drop():
                await self._units.drop(ref)
            case Unlease():
                for name in self._files.names(self._logs):
                    if name.partition(".log")[0] == f"{ref.kind.lower()}-{ref.name}":
                        self._files.remove(self._logs / name)
                await self._leases.release(ref)

    async def watch(self, wake: Callable[[Ref | None], None]) -> None:
        """The keeper tells what happens to its children; a fresh keeper holds none of them.

        And an account that is changed may be what answers, whether or not anybody names it.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_children(wake))
            group.create_task(self._follow_accounts(wake))

    async def _follow_children(self, wake: Callable[[Ref | None], None]) -> None:
        following: Any = self._units.follow()
        async with aclosing(following) as changes:
            async for ref in changes:
                if ref is None or ref.kind == KIND:
                    wake(ref)

    async def _follow_accounts(self, wake: Callable[[Ref | None], None]) -> None:
        following: Any = self._registry.follow()
        async with aclosing(following) as changes:
            async for refs in changes:
                if any(ref.kind == "Account" for ref in refs):
                    wake(None)
                await asyncio.sleep(SETTLE)

    def _mind(self, want: Want[ProjectCI] | None) -> Mind:
        """What its next message would be answered by, as the accounts themselves will find it."""
        if want is None:
            return NOBODY
        account, model = named_by(want)
        found = self._models.answerer(account, model) if thinks(want) else None
        return Mind("", model) if found is None else Mind(found.provider, found.model)

    async def _declare(self, ref: Ref, want: Want[ProjectCI] | None) -> None:
        lease = self._leases.get(ref)
        if lease is None or want is None:
            raise Retry("its port was given back in between", after=0.1)
        seen = Seen(idle=self._units.idle, mind=self._mind(want))
        made = declaration_of(want, seen, port=lease.port, token=lease.token)
        await self._units.declare(ref, made)
