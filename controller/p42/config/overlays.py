"""Overlays: the founding documents' `[accounts.*]` and `[agents.*]`, in the words of manifests.

    [accounts.work]              Account/work
    rate_limit = 100             spec.rateLimit: {requests: 100, per: 1h}
    monthly_budget = 50.00       spec.budget: {monthlyUsd: 50.0}

They stand in for what the manifest of that name leaves out; they declare nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from p42.config.settings import Settings
from p42.model.refs import Ref

Field = tuple[str, Callable[[Any], Any]]

_ACCOUNT: Mapping[str, Field] = {
    "models": ("models", list),
    "rate_limit": ("rateLimit", lambda calls: {"requests": int(calls), "per": "1h"}),
    "monthly_budget": ("budget", lambda usd: {"monthlyUsd": float(usd)}),
    "key": ("key", str),
    "base_url": ("baseUrl", str),
}
_AGENT: Mapping[str, Field] = {
    "preferred_model": ("model", str),
    "temperature": ("temperature", float),
    "account": ("accountRef", str),
}


def overlays(settings: Settings) -> dict[Ref, dict[str, Any]]:
    """What the configuration says of single names, as fields of a spec."""
    tables = (("Account", settings.accounts, _ACCOUNT), ("Agent", settings.agents, _AGENT))
    return {
        Ref(kind, name.removeprefix("ai-")): _spec(table, fields)
        for kind, named, fields in tables
        for name, table in named.items()
    }


def _spec(table: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    return {field: made(table[word]) for word, (field, made) in fields.items() if word in table}
