"""Models: the ports to whoever answers: one account's provider, and all accounts, metered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from p42.model.completion import Answer, Call, Health, ModelCard, Piece, Prompt, Text, ToolCall
from p42.model.money import Price
from p42.model.refs import Ref
from p42.model.relay import Billed, Opening, Relay


@dataclass(frozen=True, slots=True)
class Answerer:
    """Whom a question goes to: an account by name, its vendor, a model; "" = it names none."""

    account: str
    provider: str
    model: str


class Provider(Protocol):
    """One account's way to its vendor: an open, pooled client with its key. Never shows the key.

    Each method raises Retry for what time mends (RateLimited with the vendor's Retry-After,
    ProviderDown) and Blocked for what the user mends (KeyRejected, Blocked for a model that is not
    there). None of them tries again by itself: who calls knows the deadline and the budget.
    """

    def stream(self, prompt: Prompt) -> AsyncIterator[Piece]:
        """The answer as it comes; the last piece is its Reply. Raises Cut once anything was said.

        Closing the iterator early ends the request at the vendor.
        """

    def most_input(self, prompt: Prompt) -> int:
        """Tokens that `prompt` can be at most: an upper bound, without asking anybody."""

    async def models(self) -> tuple[ModelCard, ...]:
        """What the vendor lists, sorted by id."""

    async def check(self) -> None:
        """Ask the vendor about the key without spending."""

    async def close(self) -> None:
        """Close the client."""


class Models(Protocol):
    """Every account's models, behind budget, rate limit and journal."""

    def ask(self, call: Call) -> AsyncIterator[Text | ToolCall | Answer]:
        """The answer as it comes; the last piece is the Answer. Reserved before, settled after.

        Raises Retry (RateLimited, ProviderDown), Blocked (KeyMissing, KeyRejected, BudgetExceeded,
        ...), TimedOut, Cut; all with their remedy, none with a key.
        """

    async def health(self, ref: Ref, account: Mapping[str, Any]) -> Health:
        """How the account stands whose spec is `account` (camelCase). Asks the vendor about the key
        once per spec and key, in the background: until that is known the reason is InProgress.
        """

    async def recheck(self, ref: Ref) -> Health:
        """Ask the vendor about the key again, now."""

    async def list(self, ref: Ref) -> tuple[ModelCard, ...]:
        """What the account's vendor lists."""

    async def price(self, ref: Ref, model: str) -> Price | None:
        """What `model` costs there; None = nobody knows."""

    async def room(self, account: str | None, model: str) -> int | None:
        """Tokens that a question to `model` and its answer may have together; None = nobody knows.

        Account and model as in a Call. Blocked where there is none to ask.
        """

    def answerer(self, account: str | None, model: str) -> Answerer | None:
        """Whom a call that names these two goes to now, from memory; None = to nobody.

        None: the default account, "": its model, as in a call.
        """

    def default(self) -> Ref:
        """The account of whoever names none. Blocked without one."""

    def follow(self) -> AsyncIterator[Ref]:
        """Accounts whose health may have changed, until closed."""

    async def settled(self) -> None:
        """Until the journal has every call that has ended by now, or the disk refused one."""


class Relaying(Models, Protocol):
    """Models that also pass on a request in its vendor's own words."""

    def spec_of(self, account: str | None) -> tuple[str, Mapping[str, Any]]:
        """Name and spec (camelCase) of the account meant, None = the default. Blocked if none."""

    def relays(self, account: str | None) -> bool:
        """Whether its vendor speaks Anthropic's Messages API itself. Blocked as above."""

    def relay(self, relay: Relay) -> AsyncIterator[Opening | bytes | Billed]:
        """What the vendor answers, as it comes: an Opening, bytes, and last what it cost.

        Metered and raising as `ask`; an error that the vendor tells is no error here.
        """
