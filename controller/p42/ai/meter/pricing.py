"""Pricing: what a model of an account costs; the public list is loaded in a thread, once."""

from __future__ import annotations

import asyncio

from p42.ai.accounts.directory import Account
from p42.ai.accounts.ports import Prices, Spec
from p42.model.money import Price
from p42.model.refs import Ref


class Pricing:
    """Asked before every call: after the first, it is a look into memory."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._loaded = False
        # What a spec says itself, read once; a new spec comes in the place of the old one.
        self._own: dict[Ref, tuple[Spec, dict[str, Price | None]]] = {}

    async def of(self, account: Account, model: str, *, tokens_in: int = 0) -> Price | None:
        """None = nobody knows. Blocked for a price in the spec that is no amount of money."""
        if model in (account.spec.get("prices") or ()):
            return self._own_price(account, model)
        if self._loaded:
            return self._prices(account.spec, model, tokens_in=tokens_in)
        found = await asyncio.to_thread(self._prices, account.spec, model, tokens_in=tokens_in)
        self._loaded = not account.is_local  # free ones never touch the list
        return found

    def _own_price(self, account: Account, model: str) -> Price | None:
        """It touches no list, and knows no tiers."""
        spec, known = self._own.get(account.ref, (None, {}))
        if spec is not account.spec:
            known = {}
            self._own[account.ref] = account.spec, known
        if model not in known:
            known[model] = self._prices(account.spec, model, tokens_in=0)
        return known[model]
