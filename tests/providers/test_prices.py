"""What a call costs: the account's word, else the list's; what neither knows has no price."""

from __future__ import annotations

from typing import Any

import pytest

from p42.model.completion import Usage
from p42.model.errors import Blocked
from p42.model.money import FREE, Price
from p42.providers.prices import price_of

ANTHROPIC = {"provider": "anthropic"}


@pytest.mark.parametrize("provider", ["local", "ollama"])
def test_what_runs_here_is_free(provider: str) -> None:
    assert price_of({"provider": provider}, "anything") == FREE


def test_the_list_knows_the_vendors_models() -> None:
    assert price_of(ANTHROPIC, "claude-haiku-4-5") == Price(
        1_000_000, 5_000_000, 100_000, 1_250_000, 2_000_000
    )
    assert price_of({"provider": "openai"}, "gpt-4o-mini") == Price(
        150_000, 600_000, 75_000, 150_000
    )
    assert price_of({"provider": "groq"}, "llama-3.3-70b-versatile") is not None
    assert price_of({"provider": "bedrock"}, "anthropic.claude-haiku-4-5-20251001-v1:0") is not None


def test_a_compatible_server_is_known_by_its_address() -> None:
    known = {"provider": "openai-compatible", "baseUrl": "https://api.deepseek.com/v1"}
    assert price_of(known, "deepseek-chat") is not None
    assert price_of({**known, "baseUrl": "http://127.0.0.1:8000/v1"}, "deepseek-chat") is None


@pytest.mark.parametrize("provider", ["anthropic", "openai", "groq", "bedrock"])
def test_a_model_that_nobody_knows_has_no_price(provider: str) -> None:
    assert price_of({"provider": provider}, "model-of-tomorrow-9000") is None


def test_a_long_prompt_may_cost_more() -> None:
    short, long = (price_of(ANTHROPIC, "claude-sonnet-4-5", tokens_in=n) for n in (0, 200_001))
    assert short is not None
    assert long is not None
    assert long.input == 2 * short.input


def test_the_accounts_own_price_wins_even_over_free() -> None:
    own = {"input": 2, "output": 8.5, "cachedInput": 0.2}
    for provider in ("local", "openai"):
        account = {"provider": provider, "prices": {"m": own}}
        assert price_of(account, "m") == Price(2_000_000, 8_500_000, 200_000, 2_000_000)


def test_without_a_cached_price_what_was_cached_costs_as_sent() -> None:
    account = {"provider": "openai", "prices": {"m": {"input": 2, "output": 8}}}
    price = price_of(account, "m")
    assert price is not None
    assert price.cost(Usage(input=100, cached=100)) == price.cost(Usage(input=100))


@pytest.mark.parametrize("provider", ["anthropic", "bedrock"])
def test_writing_to_anthropics_cache_costs_a_quarter_more_and_for_an_hour_twice(
    provider: str,
) -> None:
    account = {"provider": provider, "prices": {"m": {"input": 4, "output": 8}}}
    price = price_of(account, "m")
    assert price is not None
    assert price.stored == 5_000_000
    assert price.cost(Usage(input=100, stored=100)) == 500
    assert price.cost(Usage(input=100, stored=100, hour=60)) == 40 * 5 + 60 * 8


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.01, 1e12, "2"])
@pytest.mark.parametrize("field", ["input", "output", "cachedInput"])
def test_a_price_that_is_no_money_is_refused(field: str, bad: Any) -> None:
    account = {"provider": "openai", "prices": {"m": {"input": 1, "output": 1, field: bad}}}
    with pytest.raises(Blocked, match="prices: that of m"):
        price_of(account, "m")
