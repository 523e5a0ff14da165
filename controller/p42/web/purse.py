"""Purse: the budget of a child's token, around one call: worst case first, then the bill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from p42.model.completion import Usage
from p42.model.errors import Blocked, Retry
from p42.model.tokens import Token
from p42.providers.prices import price_of
from p42.stores.tokens import SqliteTokens


@dataclass(slots=True)
class Bill:
    """`cost` in micro-USD, once it is known; None is settled at the worst case. `usage` as the
    vendor counted it; None = it did not."""

    cost: int | None = None
    usage: Usage | None = None


class Purse:
    """For tokens without a budget of their own it does nothing: their account has one, or none."""

    def __init__(self, tokens: SqliteTokens) -> None:
        self._tokens = tokens

    @asynccontextmanager
    async def opened(
        self, token: Token, spec: Mapping[str, Any], model: str, *, tokens_in: int, tokens_out: int
    ) -> AsyncIterator[Bill]:
        """Blocked (BudgetExceeded) when the worst case is more than what is left."""
        if token.bound is None or token.bound.budget is None:
            bill = Bill()
            try:
                yield bill
            finally:
                self._tokens.count(token, bill.cost or 0, bill.usage)
            return
        # In a thread: the first use of the price list takes 0.2 s.
        price = await asyncio.to_thread(price_of, spec, model, tokens_in=tokens_in)
        if price is None:
            raise Blocked(
                f"nobody knows the price of {model}, and {token.bound.agent} has a budget: set "
                "spec.prices of the account", reason="BudgetExceeded",
            )  # fmt: skip
        worst, bill = price.worst(tokens_in, tokens_out), Bill()
        await self._tokens.reserve(token, worst)
        try:
            yield bill
        except (Blocked, Retry):
            bill.cost = bill.cost or 0  # refused by us or by the vendor: it did not run
            raise
        finally:
            cost = worst if bill.cost is None else bill.cost
            self._tokens.count(token, cost, bill.usage)
            await self._tokens.settle(token, worst=worst, cost=cost)
