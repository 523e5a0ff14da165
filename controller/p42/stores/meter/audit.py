"""Audit: the journal of calls, read: summed up, verified, exported. From the file itself.

It needs no daemon and disturbs none: a connection that only reads, on a snapshot of its own. Who
doubts p42 may do the same with sqlite3 and the sentence about `hash` in meterrows.py.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from p42.model.errors import P42Error
from p42.stores.meter.rows import Call, Chain, chain_from, is_chained
from p42.stores.meter.tables import (
    ANY_CALL,
    CHAIN,
    EXPORTED,
    HAS_TABLES,
    HASH_OF,
    IN_ORDER,
    SPAN,
    SPENDINGS,
    SUMMED,
    TOTALS,
)
from p42.stores.state import disk
from p42.stores.state.rows import unsealed


class Sum(NamedTuple):
    """Calls of one account, agent, model and day (UTC). `cost` in micro-USD; `unpriced` counts the
    calls whose price was not known. `estimated` counts those that nobody counted (or priced, when
    they had ended): they stand at their worst case, which is `estimated_cost` of `cost`."""

    account: str
    agent: str
    model: str
    day: str
    calls: int
    input: int
    output: int
    cached: int
    cost: int
    unpriced: int
    estimated: int
    estimated_cost: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`calls` are as they were written; `number` is the first that is not, 0 = all are.

    `what` says what is wrong, "" = nothing. `lost`: so many older calls went with a database that
    was damaged, and stand in the file that was set aside.
    """

    calls: int
    lost: int = 0
    number: int = 0
    what: str = ""


@contextlib.contextmanager
def _snapshot(home: Path) -> Iterator[sqlite3.Connection | None]:
    """None where no call was ever metered. Raises Retry and Blocked for the disk."""
    path = home / disk.NAME
    if not path.exists():
        yield None
        return
    try:
        with contextlib.closing(_reader(path)) as db:
            db.execute("BEGIN")
            there = db.execute(HAS_TABLES).fetchone()
            yield db if there else None
    except UnicodeDecodeError as error:  # sqlite3 quotes what is damaged in its error
        raise _damaged(path) from error
    except sqlite3.Error as error:
        if disk.is_damage(error):
            raise _damaged(path) from error
        raise disk.translate(error, path) from error


def _damaged(path: Path) -> P42Error:
    return P42Error(f"{path}: damaged; p42 sets it aside at its next start and goes on from there")


def _reader(path: Path) -> sqlite3.Connection:
    """It could write, so that it leaves no -wal where it is the last to close; it does not."""
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None)
    db.execute("PRAGMA query_only = 1")
    return db


def summed(home: Path, *, since: int, until: int) -> list[Sum]:
    """Every account, agent, model and day from `since` until before `until`, in ms. Blocking."""
    with _snapshot(home) as db:
        rows = db.execute(SUMMED, (since, until)).fetchall() if db is not None else []
    return [Sum(*row) for row in rows]


def verified(home: Path) -> Verdict:
    """Look at every call. Blocking, 8 us a call. Raises Retry and Blocked for the disk."""
    with _snapshot(home) as db:
        if db is None:
            return Verdict(0)
        chain, what = _end(db)
        verdict = _walk(db, chain)
        if not verdict.what and what:
            return Verdict(verdict.calls, verdict.lost, verdict.calls + verdict.lost, what)
        return verdict if verdict.what else _totals(db, verdict)


def exported(home: Path, *, since: int, until: int) -> Iterator[Call]:
    """The calls of the time, and any between them, so that no gap is in the numbers. Blocking."""
    with _snapshot(home) as db:
        if db is None:
            return
        first, last = db.execute(SPAN, (since, until)).fetchone()
        for row in db.execute(EXPORTED, (first, last)):
            yield Call(*row)


def hash_before(home: Path, number: int) -> str:
    """The hash that the call `number` stands behind."""
    with _snapshot(home) as db:
        if db is None:
            return Chain().hash
        row = db.execute(HASH_OF, (number - 1,)).fetchone()
        return str(row[0]) if row else _end(db)[0].base_hash


def _end(db: sqlite3.Connection) -> tuple[Chain, str]:
    """The chain, and what is wrong with it."""
    row = db.execute(CHAIN).fetchone()
    if row is None:
        some = db.execute(ANY_CALL).fetchone()
        return Chain(), "the chain's end is missing" if some else ""
    try:
        return chain_from(row), ""
    except (ValueError, TypeError):
        return Chain(), "the chain's end was changed"


def _walk(db: sqlite3.Connection, chain: Chain) -> Verdict:
    number, before = chain.base, chain.base_hash
    for call in _calls(db):
        following = number + 1
        if call is None:
            return _bad(chain, following, "it cannot be read: the file is damaged")
        if call.number != following:
            return _bad(chain, following, "it is missing")
        if not is_chained(before, call):
            return _bad(chain, following, "it is not what was written")
        if chain.number and following > chain.number:
            return _bad(chain, following, "it was put in behind the last one")
        number, before = call.number, call.hash
    if number < chain.number:
        return _bad(chain, number + 1, f"it is missing, up to call {chain.number}, the last")
    if chain.number and before != chain.hash:
        return _bad(chain, number, "it is not what was written")
    return Verdict(number - chain.base, chain.base)


def _calls(db: sqlite3.Connection) -> Iterator[Call | None]:
    """None, and then nothing more, where the file cannot be read."""
    try:
        for row in db.execute(IN_ORDER):
            yield Call(*row)
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        yield None


def _bad(chain: Chain, number: int, what: str) -> Verdict:
    return Verdict(number - 1 - chain.base, chain.base, number, what)


def _totals(db: sqlite3.Connection, verdict: Verdict) -> Verdict:
    """Budgets go by the months' totals: the sums of the calls, or more if some calls are lost."""
    summed = {(account, month): cost for account, month, cost in db.execute(TOTALS)}
    stored = dict[tuple[str, str], Any]()
    for row in db.execute(SPENDINGS):
        try:
            account, month, spent = unsealed(row)
        except ValueError:
            return _total(verdict, f"the total of {row[0]} in {row[1]} is not what was written")
        stored[account, month] = spent
    for key in sorted(summed.keys() | stored.keys()):
        spent, cost = stored.get(key, 0), summed.get(key, 0)
        if spent < cost or (spent > cost and not verdict.lost):
            what = f"the total of {key[0]} in {key[1]} is {spent}, and its calls cost {cost}"
            return _total(verdict, what)
    return verdict


def _total(verdict: Verdict, what: str) -> Verdict:
    return Verdict(verdict.calls, verdict.lost, 0, what)
