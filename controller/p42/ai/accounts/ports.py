"""Ports: what the accounts stand on. Protocols only; the composition root fills them in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from p42.model.models import Provider
from p42.model.money import Price
from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.model.secret import Secret

Spec = Mapping[str, Any]  # an Account's, camelCase, defaults completed


class Registered(Protocol):
    """The reading side of the registry."""

    def get(self, ref: Ref) -> Registration | None:
        """The row, from memory."""

    def refs(self) -> tuple[Ref, ...]:
        """Everything that is registered, sorted."""


class KeySource(Protocol):
    """Where keys come from; tokens that run out come renewed."""

    async def current(self, reference: str, *, before: float, retries: int) -> Secret:
        """The key to use now. Blocked (KeyMissing, KeyLocked, KeyRejected) with its remedy, Retry.

        `before` in seconds ahead of its end, `retries` after the first try: the spec's `refresh`.
        """

    def refuse(self, reference: str, token: Secret) -> None:
        """The vendor refused `token`: if it can be renewed, the next `current` gives another."""


class Opens(Protocol):
    """How a provider is opened. Blocking (it may import a vendor's SDK), so never on the loop."""

    def __call__(self, account: Spec, key: str | None, *, base_url: str | None = None) -> Provider:
        """The account's client. `base_url` overrides the spec's. Blocked for what cannot be."""


class Prices(Protocol):
    """What a model costs."""

    def __call__(self, account: Spec, model: str, *, tokens_in: int = 0) -> Price | None:
        """None = nobody knows. Blocking, on its first use. `tokens_in` chooses among tiers."""


class Contexts(Protocol):
    """How much a model takes at once."""

    def __call__(self, account: Spec, model: str) -> int | None:
        """Tokens, question and answer together; None = nobody knows. Blocking, on its first use."""


class LocalServer(Protocol):
    """The model on this machine, started when it is asked for."""

    @property
    def context(self) -> int:
        """Tokens that it takes at once."""

    def check(self) -> None:
        """Blocked, with the command to run, where it is not installed. Starts nothing."""

    def want(self, slots: int) -> None:
        """How many answers at a time."""

    async def address(self) -> tuple[str, str]:
        """Base URL and key of a server that is well. Raises Blocked or Retry."""

    def hold(self) -> AbstractContextManager[None]:
        """In use: it does not retire."""
