"""Journal: the last calls as they are known by heart, beside what stands in the tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from p42.stores.meter.rows import Call, Chain, chain_from, is_chained
from p42.stores.meter.tables import (
    CHAIN,
    DROP_CALLS_AFTER,
    EMPTY_CALLS,
    HAS_CALL,
    PUT_CALL,
    PUT_CHAIN,
)  # fmt: skip


def restored(db: sqlite3.Connection, calls: list[Call], chain: Chain) -> Chain:
    """Behind older calls, if those are there (a backup was put back); else it begins anew."""
    if not calls:
        chain = replace(chain, base=chain.number, base_hash=chain.hash)
    elif calls[0].number != chain.base + 1:
        # What stood before the oldest one is not known by heart: it is what the rest hangs on.
        chain = replace(chain, base=calls[0].number, base_hash=calls[0].hash)
        calls = calls[1:]
    there = db.execute(CHAIN).fetchall()
    if there and db.execute(HAS_CALL, (chain.base, chain.base_hash)).fetchone():
        older = chain_from(there[0])
        db.execute(DROP_CALLS_AFTER, (chain.base,))
        chain = replace(chain, base=older.base, base_hash=older.base_hash)
    else:
        db.execute(EMPTY_CALLS)
    db.executemany(PUT_CALL, calls)
    db.execute(PUT_CHAIN, chain.row())
    return chain


def first_changed(calls: Iterable[Call]) -> int | None:
    """The number of the first of `calls` that does not follow the one before it; None = all do."""
    before = None
    for call in calls:
        if before is not None and not is_chained(before.hash, call):
            return call.number
        before = call
    return None


def end_of(chain: Chain, calls: Sequence[Call]) -> Chain:
    """`chain`, or the last call where that is later: nothing is ever written over."""
    if not calls or chain.number >= calls[-1].number:
        return chain
    return replace(chain, number=calls[-1].number, hash=calls[-1].hash)
