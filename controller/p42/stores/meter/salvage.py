"""Salvage: what a damaged state.db, set aside at the start, still says of money.

Whatever can be read and is sound counts; of two answers about a month the larger does. A budget
must not open again because a disk broke.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from p42.stores.meter.rows import (
    Call,
    Chain,
    Reserved,
    chain_from,
    is_chained,
    month_of,
    reserved_from,
)  # fmt: skip
from p42.stores.meter.tables import (
    CHAIN,
    COSTS,
    LAST_CALLS,
    RESERVATIONS,
    SPENDINGS,
    WINDOWS,
)  # fmt: skip
from p42.stores.state.rows import unsealed

T = TypeVar("T")


@dataclass(slots=True)
class Salvaged:
    """`spent` in micro-USD by account and month; `calls` the last ones, oldest first, chained."""

    opened: list[Reserved] = field(default_factory=list)
    spent: dict[tuple[str, str], int] = field(default_factory=dict)
    windows: list[tuple[str, str]] = field(default_factory=list)
    chain: Chain = field(default_factory=Chain)
    calls: list[Call] = field(default_factory=list)


def _readonly(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing. Raises sqlite3.Error where there is no database."""
    uri = f"file:{quote(str(path))}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def salvaged(path: Path, *, recent: int) -> Salvaged:
    """What is sound in the file at `path`, and up to `recent` calls. Blocking; raises nothing."""
    found = Salvaged()
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_readonly(path)) as db:
        found.opened = list(_sound(db, RESERVATIONS, reserved_from))
        found.windows = [(name, body) for name, body in _sound(db, WINDOWS, unsealed)]
        found.spent = _spent(db)
        found.chain = next(_sound(db, CHAIN, chain_from), Chain())
        found.calls = _tail(db, recent)
    if found.calls and found.calls[-1].number > found.chain.number:
        last = found.calls[-1]
        found.chain = replace(found.chain, number=last.number, hash=last.hash)
    return found


def _sound(
    db: sqlite3.Connection, query: str, read: Callable[[tuple[Any, ...]], T], *values: object
) -> Iterator[T]:
    """Rows that can be read and are what was written; nothing past the first torn page."""
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
        for row in db.execute(query, values):
            with contextlib.suppress(ValueError, TypeError):
                yield read(row)


def _spent(db: sqlite3.Connection) -> dict[tuple[str, str], int]:
    summed: dict[tuple[str, str], int] = {}
    for account, month, cost in _sound(db, COSTS, _cost):
        summed[account, month] = summed.get((account, month), 0) + cost
    for account, month, spent in _sound(db, SPENDINGS, unsealed):
        summed[account, month] = max(spent, summed.get((account, month), 0))
    return summed


def _cost(row: tuple[Any, ...]) -> tuple[str, str, int]:
    account, at, cost = row
    if not isinstance(account, str) or not isinstance(cost, int):
        raise ValueError("not what was written")
    return account, month_of(at), cost


def _tail(db: sqlite3.Connection, recent: int) -> list[Call]:
    """The last calls that hang together."""
    calls: list[Call] = []
    for call in _sound(db, LAST_CALLS, lambda row: Call(*row), recent):
        if calls and not is_chained(call.hash, calls[-1]):
            break
        calls.append(call)
    return calls[::-1]
