"""Account: a way to a model provider: which, with what key, within what limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from p42.kinds.fields import Amount, Count, Duration, KeyRef, Line, Part, Url, Whole, when

KIND, PLURAL, SHORT = "Account", "accounts", "acct"

PIN_PATTERN = r"^sha256/[A-Za-z0-9+/]{43}=$"


class Tls(Part):
    """What is trusted on the way to the provider."""

    ca: Line | None = Field(
        None, description="PEM file of the authorities to trust instead of the system's."
    )
    pins: tuple[Annotated[str, Field(pattern=PIN_PATTERN)], ...] = Field(
        (), description="Public keys to accept, each `sha256/BASE64`; any other is refused."
    )


class RateLimit(Part):
    """How much may be asked in a stretch of time. What is not given is not limited."""

    requests: Count | None = Field(None, description="Calls in `per`.")
    tokens: Count | None = Field(None, description="Tokens, in and out, in `per`.")
    per: Duration = Field("1m", description="The stretch of time that is counted.")
    concurrent: Count | None = Field(None, description="Calls at the same time.")


class Budget(Part):
    """How much may be spent in a calendar month (UTC)."""

    monthly_usd: Amount = Field(description="The month's budget in USD.")
    warn_at: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (), description="Warn when this part of it is spent: `[0.5, 0.8]`."
    )
    hard: bool = Field(
        False, description="Whether a call that could overspend is refused before it is made."
    )


class Price(Part):
    """What a model costs, in USD per million tokens."""

    input: Amount = Field(description="Tokens sent.")
    output: Amount = Field(description="Tokens received.")
    cached_input: Amount | None = Field(
        None, description="Tokens sent that the provider had cached; left out, as `input`."
    )


class Refresh(Part):
    """When a token that runs out is renewed."""

    before: Duration = Field("5m", description="How long before it runs out.")
    retries: Whole = Field(3, description="Tries after the first.")


class Account(Part):
    """A way to a model provider. Keys are named by where they stand, never written down."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                when(
                    "provider",
                    ("openai-compatible",),
                    {
                        "required": ["baseUrl"],
                        "x-p42-says": "an openai-compatible provider needs baseUrl",
                    },
                )
            ]
        }
    )

    provider: Literal[
        "anthropic", "openai", "ollama", "groq", "bedrock", "openai-compatible", "local"
    ] = Field(description="Whose models; `local` and `ollama` need no key.")
    key: KeyRef | None = Field(
        None,
        description="Where the key stands: `keychain:SERVICE/ACCOUNT`, `env:NAME` or `file:PATH`. "
        "Never the key itself.",
    )
    base_url: Url | None = Field(
        None, description="The provider's address: https, or http to this machine only."
    )
    tls: Tls | None = Field(None, description="What is trusted on the way to the provider.")
    models: tuple[Line, ...] = Field((), description="Model ids in use; the first is the default.")
    default: bool = Field(
        False, description="Whether agents without `accountRef` use this one. One may."
    )
    rate_limit: RateLimit | None = Field(
        None, description="How much may be asked in a stretch of time."
    )
    budget: Budget | None = Field(None, description="How much may be spent in a month.")
    prices: dict[str, Price] = Field(
        {}, description="USD per million tokens by model; overrides the price list."
    )
    refresh: Refresh = Field(
        Refresh.model_construct(), description="When a token that runs out is renewed."
    )


SPEC = Account
