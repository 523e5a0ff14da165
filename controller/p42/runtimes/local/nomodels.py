"""NoModels: what a plan sees where no daemon runs: nothing is known against any account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from p42.model.completion import Answer, Call, Health, ModelCard, Text, ToolCall
from p42.model.errors import Retry
from p42.model.models import Answerer
from p42.model.money import Price
from p42.model.refs import Ref


class NoModels:
    """The Models port of a dry run. Nobody is asked anything through it."""

    def __init__(self, answerer: Callable[[str | None, str], Answerer | None]) -> None:
        """`answerer` as the port's: what is registered tells it."""
        self._answerer = answerer

    async def ask(self, call: Call) -> AsyncIterator[Text | ToolCall | Answer]:
        """Refused."""
        raise Retry(_AWAY)
        yield

    async def health(self, ref: Ref, account: Mapping[str, Any]) -> Health:
        """Nothing is known against it: a vendor is not asked for a dry run."""
        return Health()

    async def recheck(self, ref: Ref) -> Health:
        """Refused."""
        raise Retry(_AWAY)

    async def list(self, ref: Ref) -> tuple[ModelCard, ...]:
        """Refused."""
        raise Retry(_AWAY)

    async def price(self, ref: Ref, model: str) -> Price | None:
        """Nobody knows."""
        return None

    async def room(self, account: str | None, model: str) -> int | None:
        """Nobody knows."""
        return None

    def answerer(self, account: str | None, model: str) -> Answerer | None:
        """Whom a daemon would ask."""
        return self._answerer(account, model)

    def default(self) -> Ref:
        """Refused."""
        raise Retry(_AWAY)

    async def follow(self) -> AsyncIterator[Ref]:
        """Nothing ever changes."""
        return
        yield

    async def settled(self) -> None:
        """Nothing was asked."""


_AWAY = "no account can be asked, since no daemon runs: p42 start"
