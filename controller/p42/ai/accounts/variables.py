"""Variables: keys that older set-ups keep in the environment, as an account of last resort.

They count only where no account is declared at all, and whoever uses them is told how to make a
proper account of them: `p42 migrate --from-env`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

NAME = "environment"  # what such an account is called in answers and in the usage report


class Variable(NamedTuple):
    """Where a vendor's SDK looks for its key, and for another address; `model` is asked."""

    key: str
    provider: str
    base_url: str
    model: str


VARIABLES = (
    Variable("ANTHROPIC_API_KEY", "anthropic", "ANTHROPIC_BASE_URL", "claude-sonnet-5-5"),
    Variable("OPENAI_API_KEY", "openai", "OPENAI_BASE_URL", "gpt-4o"),
    Variable("GROQ_API_KEY", "groq", "GROQ_BASE_URL", "llama-3.3-70b-versatile"),
)


def spec_of(env: Mapping[str, str]) -> dict[str, Any] | None:
    """An Account spec (camelCase, whole) for the first of them that is set; None = none is."""
    for each in VARIABLES:
        if env.get(each.key):
            return {
                "provider": each.provider, "key": f"env:{each.key}",
                "baseUrl": env.get(each.base_url) or None, "tls": None, "models": [each.model],
                "default": True, "rateLimit": None, "budget": None, "prices": {},
                "refresh": {"before": "5m", "retries": 3},
            }  # fmt: skip
    return None
