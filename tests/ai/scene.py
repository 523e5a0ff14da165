"""Scene: accounts on a real database, real keys and the vendors' SDKs, beside scripted vendors.

async with scene(home, main=spec(server)) as there:
    told = await there.ask("hello")
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from p42.ai.accounts.accounts import Accounts, Ports
from p42.ai.accounts.refresh import Tokens
from p42.ai.meter.meter import Meter
from p42.kinds.account.spec import Account
from p42.model.completion import Answer, Call, Message, Prompt, Text, ToolCall
from p42.model.errors import Blocked
from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.providers.opening import open_provider
from p42.providers.prices import context_of, price_of
from p42.runtimes.clock import SystemClock
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.redaction import Redactor
from p42.stores.meter.book import MeterBook
from p42.stores.registry import SqliteRegistry
from p42.stores.state.database import Database
from tests.providers.vendors import AnthropicServer, OpenAIServer

KEY = "sk-test-0123456789abcdef"
PRICE = {"input": 3.0, "output": 15.0}
_SPECS = TypeAdapter(Account)


def spec(server: Any, **changed: Any) -> dict[str, Any]:
    """An Account spec that leads to `server`, defaults completed as the loop does."""
    provider = "anthropic" if isinstance(server, AnthropicServer) else "openai"
    assert isinstance(server, AnthropicServer | OpenAIServer)
    given = {
        "provider": provider, "key": "env:KEY", "baseUrl": server.url, "models": ["m-1"],
        "prices": {"m-1": PRICE}, **changed,
    }  # fmt: skip
    made = _SPECS.validate_json(json.dumps(given))
    found: dict[str, Any] = made.model_dump(mode="json", by_alias=True)
    return found


class NoLocal:
    """A machine without the local model."""

    context = 4096

    def check(self) -> None:
        raise Blocked("the local model is not installed", template="not installed")

    def want(self, slots: int) -> None:
        """Nothing is there to be sized."""

    async def address(self) -> tuple[str, str]:
        raise Blocked("the local model is not installed", template="not installed")

    def hold(self) -> Any:
        return nullcontext()


@dataclass
class Told:
    """One answer, as its caller heard it."""

    pieces: list[Text | ToolCall] = field(default_factory=list)
    answer: Answer | None = None

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces if isinstance(piece, Text))


@dataclass
class There:
    """The accounts, and what they stand on."""

    accounts: Accounts
    registry: SqliteRegistry
    meter: Meter
    database: Database
    keys: dict[str, str]
    opened: list[Any]

    async def declare(self, name: str, account: Mapping[str, Any]) -> Ref:
        ref = Ref("Account", name)
        await self.registry.put(ref, Registration("0" * 16, account))
        return ref

    async def ask(self, text: str = "Hello", *, into: Told | None = None, **changed: Any) -> Told:
        told = into or Told()
        pieces: Any = self.accounts.ask(call(text, **changed))
        async with aclosing(pieces) as stream:
            async for piece in stream:
                if isinstance(piece, Answer):
                    told.answer = piece
                else:
                    told.pieces.append(piece)
        return told

    def spent(self, name: str = "main") -> int:
        """Micro-USD of the month, set aside ones too."""
        ref = Ref("Account", name)
        row = self.registry.get(ref)
        assert row is not None
        return self.meter.spent(name, row.facts).month

    async def journal(self) -> list[tuple[str, str, int]]:
        """Request, outcome and cost of each call, in order."""
        await self.meter.flush()
        rows = self.database.load(
            "SELECT request, outcome, cost FROM calls ORDER BY number", lambda row: tuple(row)
        )
        return [(str(request), str(outcome), int(cost)) for request, outcome, cost in rows]


def call(text: str = "Hello", **changed: Any) -> Call:
    """A question to the default account."""
    wanted = {"max_tokens": 100, **changed.pop("prompt", {})}
    return Call(Prompt(changed.pop("model", ""), (Message("user", text),), **wanted), **changed)


@asynccontextmanager
async def scene(
    home: Path,
    *,
    local: Any = None,
    opens: Callable[..., Any] = open_provider,
    random: Callable[[], float] = lambda: 0.5,
    meters: Callable[..., Meter] = Meter,
    **declared: Mapping[str, Any],
) -> AsyncIterator[There]:
    """Accounts by name."""
    env, opened, clock = {"KEY": KEY}, list[Any](), SystemClock()

    def opening(account: Mapping[str, Any], key: str | None, **more: Any) -> Any:
        opened.append(opens(account, key, **more))
        return opened[-1]

    async with AsyncExitStack() as held:
        database = held.enter_context(Database.open(home))
        redactor = Redactor()
        keys = SystemKeys(env, home=home, redactor=redactor)
        tokens = await held.enter_async_context(Tokens(keys, redactor, clock=clock))
        registry = SqliteRegistry(database)
        meter = meters(MeterBook(database), clock=clock, clean=redactor.clean)
        ports = Ports(
            registry=registry, keys=tokens, changes=keys.follow, meter=meter, opens=opening,
            price=price_of, context=context_of, local=local or NoLocal(), random=random,
        )  # fmt: skip
        accounts = await held.enter_async_context(Accounts(ports))
        there = There(accounts, registry, meter, database, env, opened)
        for name, account in declared.items():
            await there.declare(name, account)
        yield there
        await meter.flush()
