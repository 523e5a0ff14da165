"""Batch: what a list of reservations and bills does to the tables, worked out, then written.

Nothing in memory changes here: a batch may be written twice, when the database had to be made anew
in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import orjson

from p42.stores.meter.rows import Bill, Call, Chain, Reserved, chained, month_of
from p42.stores.meter.tables import (
    DROP_RESERVATION,
    KNOWN,
    PUT_CALL,
    PUT_CHAIN,
    PUT_RESERVATION,
    PUT_SPENDING,
    PUT_WINDOW,
)  # fmt: skip
from p42.stores.state.rows import sealed


class Told(NamedTuple):
    """`fresh`: it was done by this change; else it had been, and `cost` is what it cost then."""

    cost: int
    fresh: bool


@dataclass(slots=True)
class Batch:
    """What changes. `spent` holds new totals in micro-USD by account and month."""

    chain: Chain
    number: int  # of the last call so far
    hash: str
    opened: dict[str, Reserved] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    spent: dict[tuple[str, str], int] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)


def known(db: sqlite3.Connection, requests: Iterable[str]) -> dict[str, int]:
    """Those that were billed or answered before, with what they cost."""
    asked = orjson.dumps(list(requests)).decode()
    return dict(db.execute(KNOWN, (asked,)).fetchall())


def worked_out(
    changes: Iterable[Reserved | Bill], *, chain: Chain, opened: Mapping[str, Reserved],
    spent: Mapping[str, Mapping[str, int]], earlier: dict[str, int],
) -> Batch:  # fmt: skip
    """What `changes` do, in their order, to reservations that are `opened` and to what is spent."""
    batch = Batch(chain, chain.number, chain.hash)
    for change in changes:
        if isinstance(change, Reserved):
            told = _open(batch, change, earlier)
        else:
            row = batch.opened.pop(change.request, None) or opened.get(change.request)
            told = _close(batch, change, row, earlier, spent)
        batch.told.append(told)
    batch.chain = replace(chain, number=batch.number, hash=batch.hash)
    return batch


def _open(batch: Batch, row: Reserved, earlier: Mapping[str, int]) -> Told:
    if row.request in earlier:
        return Told(earlier[row.request], fresh=False)
    batch.opened[row.request] = row
    return Told(0, fresh=True)


def _close(
    batch: Batch, bill: Bill, row: Reserved | None, earlier: dict[str, int],
    spent: Mapping[str, Mapping[str, int]],
) -> Told:  # fmt: skip
    if row is None or bill.request in earlier:
        return Told(earlier.get(bill.request, 0), fresh=False)
    cost = bill.cost or 0
    earlier[bill.request] = cost
    call = chained(batch.hash, batch.number + 1, row, bill)
    batch.number, batch.hash = call.number, call.hash
    batch.calls.append(call)
    batch.closed.append(bill.request)
    if cost:
        key = row.account, month_of(row.at)
        before = batch.spent.get(key)
        if before is None:
            before = spent.get(row.account, {}).get(key[1], 0)
        batch.spent[key] = before + cost
    return Told(cost, fresh=True)


def write(db: sqlite3.Connection, batch: Batch, windows: Mapping[str, str]) -> None:
    """Into the tables, within the transaction that is open."""
    if batch.closed:
        db.executemany(DROP_RESERVATION, [(request,) for request in batch.closed])
        db.executemany(PUT_CALL, batch.calls)
        db.execute(PUT_CHAIN, batch.chain.row())
    if batch.opened:
        db.executemany(PUT_RESERVATION, [sealed(*row) for row in batch.opened.values()])
    if batch.spent:
        rows = [sealed(*key, spent) for key, spent in batch.spent.items()]
        db.executemany(PUT_SPENDING, rows)
    if windows:
        db.executemany(PUT_WINDOW, [sealed(*each) for each in windows.items()])
