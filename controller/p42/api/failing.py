"""Failing: which commands of a conversation fail their tests now, for the agent that made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p42.ai.forge.fail import Failed
from p42.ai.forge.sheet import cleaned
from p42.api.house import engine_of
from p42.engine.view import Row
from p42.model.ports import World
from p42.scripts.notes import FORGED_IN

REASON = "TestsFailed"


def failing(world: World, session: str, *, clean: Callable[[str], str]) -> Sequence[Failed]:
    """Those whose manifest names the session, the latest last. `clean` takes secrets out of what
    the tests printed."""
    rows = engine_of(world).noted(FORGED_IN, cleaned(session))
    failed = sorted((row for row in rows if _fails(row)), key=lambda row: row.changed)
    return [
        Failed(row.ref.name, clean(row.status.text), row.observed, row.resource.spec)
        for row in failed
    ]


def _fails(row: Row) -> bool:
    """Whether it does, as it is declared now: a version that waits has not been tried."""
    current = row.observed == row.resource.digest
    return not row.gone and current and row.status.reason == REASON
