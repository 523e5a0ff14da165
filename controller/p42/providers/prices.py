"""Prices: what a model of an account costs: the account's word, else the public price list.

The list is the package `genai-prices`, offline. What runs on one's own machine is free; a model
that neither knows is unpriced (None), and a hard budget refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from p42.model.errors import Blocked
from p42.model.money import FREE, Price, micro

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

_LISTED = {"anthropic": "anthropic", "openai": "openai", "groq": "groq", "bedrock": "aws"}
_FREE = frozenset({"local", "ollama"})
# Anthropic bills what is written to its cache for 5 minutes at 1.25 times the input price, and for
# an hour at twice it (docs: prompt caching); the others that cache do not bill the writing.
_WRITES_COST = frozenset({"anthropic", "bedrock"})
_STORED, _HOUR = 1.25, 2


def price_of(account: Mapping[str, Any], model: str, *, tokens_in: int = 0) -> Price | None:
    """The price of `model` for an Account spec (camelCase); None = unpriced.

    Some vendors charge more for long prompts: `tokens_in` chooses the tier, and 0 the lowest.
    Blocked for a price in the spec that is no amount of money. Loads the list on its first use
    (some 0.2 s): call it in a thread where that matters.
    """
    own = (account.get("prices") or {}).get(model)
    if own is not None:
        return _own(own, model=model, provider=account["provider"])
    if account["provider"] in _FREE:
        return FREE
    return _listed(account, model, tokens_in=tokens_in)


def context_of(account: Mapping[str, Any], model: str) -> int | None:
    """Tokens that `model` takes at once, question and answer together; None = the list does not
    say. Loads it, as `price_of` does.
    """
    from genai_prices.data_snapshot import get_snapshot

    provider, url = _LISTED.get(account["provider"]), account.get("baseUrl")
    if account["provider"] in _FREE or (provider is None and url is None):
        return None
    try:
        _, found = get_snapshot().find_provider_model(model, None, provider, url)
    except LookupError:
        return None
    return found.context_window


def _own(given: Mapping[str, Any], *, model: str, provider: str) -> Price:
    try:
        sent, received = micro(given["input"]), micro(given["output"])
        kept = given.get("cachedInput")
        cached = sent if kept is None else micro(kept)
    except (ValueError, KeyError, TypeError) as error:
        raise Blocked(f"prices: that of {model} does not hold: {error}") from None
    if provider not in _WRITES_COST:
        return Price(input=sent, output=received, cached=cached, stored=sent)
    stored, hour = micro(given["input"] * _STORED), micro(given["input"] * _HOUR)
    return Price(input=sent, output=received, cached=cached, stored=stored, hour=hour)


def _listed(account: Mapping[str, Any], model: str, *, tokens_in: int) -> Price | None:
    from genai_prices import Usage, calc_price

    provider, url = _LISTED.get(account["provider"]), account.get("baseUrl")
    usage = Usage(input_tokens=tokens_in)
    try:
        if provider is not None:
            found = calc_price(usage, model, provider_id=provider)
        elif url is not None:
            found = calc_price(usage, model, provider_api_url=url)
        else:
            return None
        price = _price(found.model_price, tokens_in=tokens_in)
    except (LookupError, ValueError):  # not listed; listed by something else than tokens
        return None
    if price is None or account["provider"] not in _WRITES_COST:
        return price
    return replace(price, hour=price.input * _HOUR)  # the list has but one price for writing


def _price(listed: ModelPrice, *, tokens_in: int) -> Price | None:
    """From USD per million tokens. None where input or output has no price at all."""

    def of(name: str) -> int | None:
        value: Decimal | TieredPrices | None = getattr(listed, name, None)
        if value is None:
            return None
        if not isinstance(value, Decimal):
            past = [tier.price for tier in value.tiers if tokens_in > tier.start]
            value = past[-1] if past else value.base
        return micro(float(value))

    sent, received = of("input_mtok"), of("output_mtok")
    if sent is None or received is None:
        return None
    cached, stored = of("cache_read_mtok"), of("cache_write_mtok")
    return Price(
        input=sent,
        output=received,
        cached=sent if cached is None else cached,
        stored=sent if stored is None else stored,
    )
