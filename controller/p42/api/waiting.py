"""Waiting: what is still missing, and what the end of waiting is worth as an exit code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from p42.engine.view import Row
from p42.model.errors import Exit
from p42.model.reasons import Mend
from p42.model.refs import Ref

if TYPE_CHECKING:
    from p42.engine.engine import Engine

# CONTRACT "Exit codes": the worst decides, 1 over 4 over 2; what is invalid comes before a wait
# that ran out, because no waiting mends it.
_WORST = (Exit.FAILED, Exit.INVALID, Exit.TIMEOUT, Exit.DIFFERS)
_CODE = {Mend.FAILED: Exit.FAILED, Mend.TIME: Exit.TIMEOUT, Mend.USER: Exit.DIFFERS}


def worst(codes: Iterable[int]) -> int:
    """The code that decides."""
    there = set(codes)
    return next((code for code in _WORST if code in there), Exit.OK)


def code_of(row: Row) -> int:
    """What a row would make `apply` exit with, if nothing more happened."""
    return _CODE.get(row.mend, Exit.OK)


def is_current(row: Row) -> bool:
    """Whether its status speaks of the spec as it stands now."""
    return row.observed == row.resource.digest and not row.gone


async def changes_until(
    engine: Engine, done: Callable[[Ref, Row | None], bool], deadline: float | None
) -> AsyncIterator[Row | Ref]:
    """Each change until `done(ref, row)` or `deadline` (loop time, None = never).

    Subscribe before you look at what `done` starts from: there must be no await between the two,
    or a change falls in the gap.
    """
    changes: Any = engine.changes()
    async with aclosing(changes):
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    change = await anext(changes)
            except TimeoutError:
                return
            yield change
            ref, row = (change.ref, change) if isinstance(change, Row) else (change, None)
            if done(ref, row):
                return


def deadline_in(seconds: float | None) -> float | None:
    """Loop time in `seconds`; None stays None."""
    return None if seconds is None else asyncio.get_running_loop().time() + seconds


async def settle(
    engine: Engine, refs: Collection[Ref], seconds: float | None
) -> AsyncIterator[Row | Ref]:
    """Changes of `refs` until all are settled or `seconds` are over."""
    deadline = deadline_in(seconds)
    moving = {ref for ref in refs if _is_moving(engine.row(ref))}

    def done(ref: Ref, row: Row | None) -> bool:
        (moving.add if ref in refs and _is_moving(row) else moving.discard)(ref)
        return not moving

    if moving:
        async for change in changes_until(engine, done, deadline):
            if (change.ref if isinstance(change, Row) else change) in refs:
                yield change
    try:  # what waits in the queue may look settled; the engine knows
        async with asyncio.timeout_at(deadline):
            await engine.settle(refs)
    except TimeoutError:
        return


def _is_moving(row: Row | None) -> bool:
    return row is not None and (row.mend is Mend.TIME or not is_current(row))
