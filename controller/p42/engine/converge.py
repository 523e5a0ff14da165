"""Converge: observe, plan, act, observe again, until the plan is empty.

Guarantees: no await outlives its deadline. A call that was cancelled or failed has done whole
steps only; one more pass gets there. Whoever calls `converge` has recorded the name before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from p42.model.errors import Retry
from p42.model.kind import AnyKind, Driver, Want
from p42.model.plan import Instant, Plan, Seconds, Step, name_of
from p42.model.refs import Ref

DEADLINE = 30.0  # s per observe and per act; longer work is started and observed
PASSES = 5  # the laws ask for one; more means that somebody else works against us


@dataclass(frozen=True, slots=True)
class Thing:
    """One resource with everything it takes to look at it. `want` None = it shall be gone."""

    ref: Ref
    kind: AnyKind
    driver: Driver[Any, Any, Any]
    want: Want[Any] | None


@dataclass(frozen=True, slots=True)
class Found:
    """What one look at a thing came to."""

    seen: Any
    plan: Plan[Any]

    @property
    def drift(self) -> bool:
        """Whether reality is not what is wanted."""
        return bool(self.plan.steps) or self.plan.in_flight


async def look(thing: Thing, now: Callable[[], Instant]) -> Found:
    """Observe and plan. Changes nothing."""
    async with deadline(f"looking at {thing.ref}"):
        seen = await thing.driver.observe(thing.ref, thing.want)
    return Found(seen, thing.kind.plan(thing.want, seen, now()))


async def converge(
    thing: Thing,
    found: Found,
    now: Callable[[], Instant],
    *,
    did: Callable[[Step], None],
) -> Found:
    """Act until the plan is empty; answers with the last look. `did` hears of each step done.

    Raises Retry, Blocked, or whatever a driver or plan gets wrong.
    """
    for _ in range(PASSES):
        if not found.plan.steps:
            return found
        for step in found.plan.steps:
            async with deadline(f"{name_of(step)} of {thing.ref}"):
                await thing.driver.act(thing.ref, thing.want, step)
            did(step)
        found = await look(thing, now)
    if not found.plan.steps:
        return found
    first = name_of(found.plan.steps[0])
    raise Retry(f"it was made so {PASSES} times, and {first} is needed again: who else changes it?")


class deadline:  # noqa: N801 - read as the verb it is, like asyncio.timeout
    """Retry if the block takes longer. A class, for every look has one: a generator costs more."""

    __slots__ = ("_doing", "_limit", "_seconds")

    def __init__(self, doing: str, seconds: Seconds = DEADLINE) -> None:
        self._doing, self._seconds = doing, seconds
        self._limit = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError as late:
            # Ours alone: a TimeoutError of the driver's own, which it ought to have translated,
            # passes as it is.
            raise Retry(f"{self._doing} took more than {self._seconds:g} s") from late
