"""Accounts: every declared account's models, behind budget, rate limit, breaker and journal.

    Call -> which account, which model -> Exchange (turn, client, reserve, stream, settle) -> Answer

This is the Models port. Kinds and doors see nothing else of the AI room, and nobody sees a key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, cast

from p42.ai.accounts.asked import Asked, local
from p42.ai.accounts.bell import Bell
from p42.ai.accounts.checks import Checks
from p42.ai.accounts.clients import Clients
from p42.ai.accounts.directory import Account, Directory
from p42.ai.accounts.exchange import Done, Exchange, Room
from p42.ai.accounts.line import Line
from p42.ai.accounts.ports import (
    Contexts,
    KeySource,
    LocalServer,
    Opens,
    Prices,
    Registered,
    Spec,
)
from p42.ai.accounts.relayed import Passed
from p42.ai.accounts.rooms import Rooms
from p42.ai.accounts.standing import standing
from p42.ai.meter.limits import Spending
from p42.ai.meter.meter import Meter
from p42.ai.meter.pricing import Pricing
from p42.ai.talk.background import Background
from p42.model.completion import Answer, Call, Health, ModelCard, Piece, Reply, Text, ToolCall
from p42.model.errors import Blocked, InvalidInput, TimedOut
from p42.model.models import Answerer
from p42.model.money import Price
from p42.model.refs import Ref
from p42.model.relay import Billed, Closing, Opening, Relay

LOCAL_SLOTS = 2  # answers at once on this machine where the account does not say
LIST_DEADLINE = 30.0  # s for a vendor to list its models, pages and all


@dataclass(frozen=True, slots=True)
class Ports:
    """What the accounts stand on. `changes` tells of keys that may have changed, None = any.

    `random` draws from 0 to 1.
    """

    registry: Registered
    keys: KeySource
    changes: Callable[[], AsyncIterator[str | None]]
    meter: Meter
    opens: Opens
    price: Prices
    context: Contexts
    local: LocalServer
    random: Callable[[], float]


class Accounts:
    """`async with Accounts(ports):`. At the end what runs in the background ends with it."""

    def __init__(
        self, ports: Ports, *, default: str = "", model: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """The configuration's: `default`, where no account says `default: true`; `model`, for
        accounts that name none. `env`: see Directory."""
        self._ports, self._model = ports, model
        self._directory = Directory(ports.registry, default=default, env=env)
        self._clients = Clients(ports.keys, ports.opens, ports.local)
        self._bell, self._lines = Bell(), dict[Ref, Line]()
        self._pricing, self._rooms = Pricing(ports.price), Rooms(ports.context)
        self._watch = Background()
        self._checks = Checks(
            self._clients, now=_now, start=self._watch.begin, rang=self._bell.ring
        )
        self._room = Room(
            self._clients, ports.meter, self._pricing,
            random=ports.random,
            proved=lambda account: self._checks.proved(account.ref),
            refused=lambda account, error: self._checks.refused(account.ref, error),
        )  # fmt: skip
        self._held = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._held.push_async_callback(self._clients.close)
        await self._held.enter_async_context(self._watch)
        self._watch.begin(self._follow_keys)
        self._watch.begin(self._follow_money)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._held.__aexit__(kind, error, trace)

    async def ask(self, call: Call) -> AsyncIterator[Text | ToolCall | Answer]:
        """The answer as it comes; the last piece is the Answer. See the port."""
        account = self._directory.find(call.account)
        prompt = replace(call.prompt, model=account.model(call.prompt.model, self._model))
        if account.is_local:
            prompt = local(prompt, seconds=call.timeout)
        exchange: Exchange[Piece] = Exchange(
            self._room, self._line(account), account, Asked(prompt),
            agent=call.agent, request=call.request, seconds=call.timeout,
        )  # fmt: skip
        async with aclosing(exchange.run()) as pieces:
            async for piece in pieces:
                if isinstance(piece, Done):
                    reply = cast(Reply, piece.last)
                    yield Answer(reply, account.ref.name, exchange.request, piece.cost)
                else:
                    yield cast(Text | ToolCall, piece)

    def spec_of(self, account: str | None) -> tuple[str, Spec]:
        """Name and spec of the account meant, None = the default. Blocked if there is none."""
        found = self._directory.find(account)
        return found.ref.name, found.spec

    def relays(self, account: str | None) -> bool:
        """Whether its vendor speaks Anthropic's Messages API itself. Blocked as above."""
        return bool(self._directory.find(account).spec["provider"] == "anthropic")

    async def relay(self, relay: Relay) -> AsyncIterator[Opening | bytes | Billed]:
        """What the vendor answers, as it comes; the last piece is what it cost. See the port."""
        account = self._directory.find(relay.account)
        exchange: Exchange[Opening | bytes | Closing] = Exchange(
            self._room, self._line(account), account, Passed(relay, host=str(account.ref)),
            agent=relay.agent, request=relay.request, seconds=relay.timeout,
        )  # fmt: skip
        async with aclosing(exchange.run()) as pieces:
            async for piece in pieces:
                if isinstance(piece, Done):
                    last = cast(Closing, piece.last)
                    yield Billed(account.ref.name, exchange.request, piece.cost, last.usage)
                else:
                    yield cast(Opening | bytes, piece)

    async def health(self, ref: Ref, account: Spec) -> Health:
        """How the account stands whose spec is `account`. Awaits nothing but the meter's memory."""
        there = Account(ref, account)
        line = self._line(there)
        try:
            spent = self._spent(there)
        except InvalidInput as error:  # what the schema lets through and is no amount all the same
            return Health("Blocked", str(error), str(error))
        return standing(self._key(there, line), line, spent)

    async def recheck(self, ref: Ref) -> Health:
        """Ask the vendor about the key again, now; a breaker that is open lets it through."""
        account = self._directory.at(ref)
        line = self._line(account)
        if account.is_local:
            key = self._key(account, line)
        else:
            key = await self._checks.ask(account)
        if not key.reason:
            line.answered()
        return standing(key, line, self._spent(account))

    async def list(self, ref: Ref) -> tuple[ModelCard, ...]:
        """What the account's vendor lists. Raises Blocked, Retry or TimedOut."""
        account = self._directory.at(ref)
        try:
            async with asyncio.timeout(LIST_DEADLINE), self._clients.use(account) as provider:
                return await provider.models()
        except TimeoutError:
            raise TimedOut(f"{ref} did not list its models within {LIST_DEADLINE:.0f} s") from None

    async def price(self, ref: Ref, model: str) -> Price | None:
        """What `model` costs there; None = nobody knows."""
        return await self._pricing.of(self._directory.at(ref), model)

    async def room(self, account: str | None, model: str) -> int | None:
        """Tokens that a question and its answer may have together; None = nobody knows."""
        found = self._directory.find(account)
        if found.is_local:
            return self._ports.local.context
        return await self._rooms.of(found, found.model(model, self._model))

    def answerer(self, account: str | None, model: str) -> Answerer | None:
        """Whom a call that names these two goes to now; None = to nobody. See the port."""
        return self._directory.answerer(account, model, self._model)

    def default(self) -> Ref:
        """The account of whoever names none. Blocked without one."""
        return self._directory.find(None).ref

    def follow(self) -> AsyncIterator[Ref]:
        """Accounts whose health may have changed, until closed."""
        return self._bell.follow()

    async def settled(self) -> None:
        """Until the journal has every call that has ended by now, or the disk refused one."""
        await self._ports.meter.flush()

    def _line(self, account: Account) -> Line:
        line = self._lines.get(account.ref)
        if line is None:
            ref = account.ref
            line = Line(str(ref), changed=lambda: self._bell.ring(ref))
            self._lines[ref] = line
        rate = account.spec.get("rateLimit") or {}
        line.limit(rate)
        most = rate.get("concurrent")
        if account.is_local:
            most = most or LOCAL_SLOTS
            self._ports.local.want(most)
        line.queue.allow(most)
        return line

    def _key(self, account: Account, line: Line) -> Health:
        if not account.is_local:
            return self._checks.health(account, passable=not line.breaker.left)
        try:
            self._ports.local.check()
        except Blocked as error:
            return Health(error.reason, str(error), error.template)
        return Health()

    def _spent(self, account: Account) -> Spending:
        return self._ports.meter.spent(account.ref.name, account.spec)

    async def _follow_keys(self) -> None:
        following: Any = self._ports.changes()
        async with aclosing(following) as changes:
            async for reference in changes:
                for account in self._directory.every():
                    if reference is None or account.spec.get("key") == reference:
                        self._checks.touch(account.ref)

    async def _follow_money(self) -> None:
        following: Any = self._ports.meter.crossed()
        async with aclosing(following) as crossed:
            async for ref in crossed:
                self._bell.ring(ref)


def _now() -> float:
    return asyncio.get_running_loop().time()
