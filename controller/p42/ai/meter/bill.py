"""Bill: what a call can cost at most, and what it did cost. The worst wherever nobody can know."""

from __future__ import annotations

import re
from collections.abc import Callable

from p42.ai.meter.limits import MOST_TOKENS, is_count, is_price
from p42.model.completion import Usage
from p42.model.errors import InvalidInput
from p42.model.money import Price
from p42.stores.meter.rows import Bill, Reserved, estimated

LONGEST_CALL = 1e6  # s; a latency above it is a clock that broke
# A vendor's id of a call: `req_011C...`, `chatcmpl-...`, a UUID. What is another shape is none, and
# may be anything: a server that repeats our headers, a page of a proxy.
_VENDOR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def worst_of(model: str, price: Price | None, tokens_in: int, tokens_out: int) -> int | None:
    """Micro-USD; None = no price is known. InvalidInput for what is no price or no number."""
    for tokens in (tokens_in, tokens_out):
        if not is_count(tokens, most=MOST_TOKENS):
            raise InvalidInput(f"a call of {tokens!r} tokens: it goes from 0 to {MOST_TOKENS:,}")
    if price is None:
        return None
    if not is_price(price):
        raise InvalidInput(f"the price of {model or 'the model'} is no amount of money: {price}")
    return price.worst(tokens_in, tokens_out)


def bill_of(
    row: Reserved, usage: Usage | None, price: Price | None, outcome: str, vendor: str,
    latency: float,
) -> Bill:  # fmt: skip
    """What it cost. The worst case wherever nobody can know."""
    spent = int(latency * 1e6) if 0 <= latency <= LONGEST_CALL else 0
    if usage is None and outcome == "failed":
        usage = Usage()
    if usage is None or not _is_usage(usage):
        return Bill.at_worst(row, latency=spent, vendor=vendor, outcome=outcome)
    if price is not None and is_price(price):
        cost: int | None = price.cost(usage)
    else:  # without a price what was priced counts at its worst, unless nothing was used
        cost = row.worst if usage.input or usage.output else 0
        outcome = estimated(outcome) if cost else outcome
    return Bill(
        row.request, usage.input, usage.output, usage.cached, usage.stored, cost, spent, vendor,
        outcome,
    )  # fmt: skip


def vendor_of(told: str, clean: Callable[[str], str]) -> str:
    """The vendor's id as the journal may have it; "" for what is none, or has a secret in it."""
    return told if _VENDOR_ID.fullmatch(told) and clean(told) == told else ""


def _is_usage(usage: Usage) -> bool:
    counts = usage.input, usage.output, usage.cached, usage.stored, usage.hour
    return all(is_count(count, most=MOST_TOKENS) for count in counts)


def never_made(row: Reserved) -> Bill:
    """The end of a reservation that led to no call."""
    return Bill(row.request, 0, 0, 0, 0, 0, 0, "", "cancelled")
