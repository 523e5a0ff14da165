"""Pricing: what a model of an account costs; the public list is loaded in a thread, once."""

from __future__ import annotations

import asyncio

from p42.ai.directory import Account
from p42.ai.ports import Prices
from p42.model.money import Price


class Pricing:
    """Asked before every call: after the first, it is a look into memory."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._loaded = False

    async def of(self, account: Account, model: str, *, tokens_in: int = 0) -> Price | None:
        """None = nobody knows. Blocked for a price in the spec that is no amount of money."""
        if self._loaded:
            return self._prices(account.spec, model, tokens_in=tokens_in)
        found = await asyncio.to_thread(self._prices, account.spec, model, tokens_in=tokens_in)
        # Free ones and the spec's own never touch the list: it may still not be loaded.
        self._loaded = not account.is_local
        return found
