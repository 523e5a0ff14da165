"""What the meter writes: a reservation, the bill that ends it, and the call as the journal has it.

Each call is chained to the one before it: `hash` is the SHA-256, in hex, of the hash before and the
call as compact JSON in the order of `Call`, `hash` left out; before the first stand 64 zeros. Who
changes, takes out or puts in a call has to change every hash after it, and the chain's head. That
tells damage and a careless hand; a signed export is what tells somebody who may write the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from p42.stores.state.rows import clean, sealed, unsealed

NOTHING = "0" * 64  # the hash before the first call
LONGEST = 200  # characters of a vendor's request id, its own choice; ours come with 36
DAY = 86_400_000  # ms
UNKNOWN = "unknown"  # the outcome of a call that was under way when p42 was killed
# Ends the outcome of any other call whose bill is a guess: `cut-estimated`. Within the outcome, so
# that the chain vouches for it and a journal from before is what it was.
ESTIMATED = "-estimated"


class Reserved(NamedTuple):
    """The worst case of a call, set aside. `at` in ms since the epoch; `worst` in micro-USD, None =
    no price is known."""

    request: str
    at: int
    account: str
    agent: str
    model: str
    input: int
    output: int
    worst: int | None


class Bill(NamedTuple):
    """How a call ended. `cost` in micro-USD, None = no price is known; `latency` in us."""

    request: str
    input: int
    output: int
    cached: int
    stored: int
    cost: int | None
    latency: int
    vendor: str
    outcome: str

    @classmethod
    def at_worst(cls, row: Reserved, *, latency: int = 0, vendor: str = "",
                 outcome: str = UNKNOWN) -> Bill:  # fmt: skip
        """What is billed where nobody knows what was used; its outcome says so."""
        told = estimated(outcome)
        return cls(row.request, row.input, row.output, 0, 0, row.worst, latency, vendor, told)


def estimated(outcome: str) -> str:
    """The outcome of a call that nobody counted: what it cost is its worst case, a guess."""
    return outcome if outcome == UNKNOWN else f"{outcome}{ESTIMATED}"


class Call(NamedTuple):
    """A row of the journal. `number` counts from 1 without a gap."""

    number: int
    at: int
    request: str
    account: str
    agent: str
    model: str
    input: int
    output: int
    cached: int
    stored: int
    cost: int | None
    latency: int
    vendor: str
    outcome: str
    hash: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The journal's two ends: what stands before its first call here, and its last call.

    `base` is 0 unless older calls were lost with a database that was damaged.
    """

    base: int = 0
    base_hash: str = NOTHING
    number: int = 0
    hash: str = NOTHING

    def row(self) -> tuple[Any, ...]:
        """As the table holds it."""
        return sealed(1, self.base, self.base_hash, self.number, self.hash)


def chain_from(row: tuple[Any, ...]) -> Chain:
    """The chain that `row` gave. ValueError when it is not what was written."""
    return Chain(*unsealed(row)[1:])


def reserved_from(row: tuple[Any, ...]) -> Reserved:
    """The reservation that `sealed` gave. ValueError when it is not what was written."""
    return Reserved(*unsealed(row))


def chained(before: str, number: int, row: Reserved, bill: Bill) -> Call:
    """The call that `row` began and `bill` ended, behind the hash `before`."""
    body = (
        number, row.at, row.request, row.account, row.agent, row.model, bill.input, bill.output,
        bill.cached, bill.stored, bill.cost, bill.latency, clean(bill.vendor)[:LONGEST],
        bill.outcome,
    )  # fmt: skip
    return Call(*body, digest(before, body))


def digest(before: str, body: tuple[Any, ...]) -> str:
    """The hash of a call without its own hash."""
    text = orjson.dumps(dict(zip(Call._fields, body, strict=False)))
    return hashlib.sha256(before.encode() + text).hexdigest()


def is_chained(before: str, call: Call) -> bool:
    """Whether `call` is what was written behind the hash `before`."""
    try:
        return digest(before, call[:-1]) == call.hash
    except (TypeError, ValueError):  # a value of another type, or no text: not what was written
        return False


def month_of(at: int) -> str:
    """`2026-01`, UTC, of ms since the epoch. The order of texts is the order of months."""
    return _month_of_day(at // DAY)


@lru_cache(maxsize=64)
def _month_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY / 1000, UTC).strftime("%Y-%m")
