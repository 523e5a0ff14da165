"""Relay: a request in Anthropic's own words, passed on as it is, and what comes back.

First an `Opening`, then bytes as they come, last the account's `Billed` (a provider's `Closing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from p42.model.completion import Usage


@dataclass(frozen=True, slots=True)
class Relay:
    """`body` is a JSON object, compact, checked as far as `model`, `max_tokens`, `stream` say.

    `headers` are those that change what the vendor answers (anthropic-version, anthropic-beta);
    none is a key. `account`, `agent`, `request` and `timeout` as in `Call`.
    """

    body: bytes = field(repr=False)
    model: str
    max_tokens: int
    stream: bool
    headers: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None
    agent: str = ""
    request: str = ""
    timeout: float = 600.0  # s, all tries together; what the vendor's own clients wait


@dataclass(frozen=True, slots=True)
class Opening:
    """The vendor's status, and those of its headers that a client of it reads."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Closing:
    """What the vendor counted; None = it counted nothing (an error before it ran)."""

    usage: Usage | None
    vendor_id: str = ""


@dataclass(frozen=True, slots=True)
class Billed:
    """What it cost, in micro-USD, and on which account."""

    account: str
    request: str
    cost: int
    usage: Usage | None
