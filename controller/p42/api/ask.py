"""Ask: a question to a model, the accounts it can be put to, and the models they offer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypedDict

from p42.api.asking import asks
from p42.api.minds import Mind, agents_mind
from p42.api.shapes import Items, Json
from p42.model.completion import Answer, ModelCard, Text
from p42.model.errors import InvalidInput
from p42.model.money import USD, Price
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.verb import Last

LONGEST = 3600.0  # s; who waits longer for one answer has lost it


class Asked(TypedDict):
    """An answer, as CONTRACT has it. `stop`: end, length (cut at its most tokens), refused."""

    answer: str
    session: str | None
    agent: str | None
    account: str
    model: str
    usage: Json
    requestId: str
    stop: str


class Checked(TypedDict):
    """`reason` "" = all is well; else one of docs/reasons.md."""

    account: str
    reason: str
    message: str


@asks
class Ask:
    """`timeout` in seconds, waiting and all tries together. None: what the defaults say."""

    question: str
    account: str | None = None
    model: str | None = None
    agent: str | None = None
    system: str = ""
    timeout: float = 120.0


@asks
class Of:
    """The account, by name."""

    account: str


@asks
class OfAny:
    """The account, by name; None = the default one."""

    account: str | None = None


async def ask(world: World, request: Ask) -> AsyncIterator[Any]:
    """The answer as it comes: `{"text": ...}` each, the whole last."""
    if not 0 < request.timeout <= LONGEST:
        raise InvalidInput(f"timeout: {request.timeout:g} s is not within 0 and {LONGEST:g} s")
    if not request.question.strip():
        raise InvalidInput("question: there is nothing in it")
    mind = await agents_mind(world, request.agent) if request.agent else Mind()
    mind = replace(
        mind, account=_plain(request.account) or mind.account, model=request.model or mind.model
    ).told(request.system)
    agent = f"agent/{_bare(request.agent)}" if request.agent else ""
    call = mind.call(request.question, agent=agent, timeout=request.timeout)
    pieces: Any = world.models.ask(call)
    async with aclosing(pieces) as stream:
        async for piece in stream:
            if isinstance(piece, Text):
                yield {"text": piece.text}
            elif isinstance(piece, Answer):
                yield Last(asked_of(piece, agent=_bare(request.agent) or None))


async def check(world: World, request: Of) -> Checked:
    """Ask the provider about the key now, without spending."""
    name = _plain(request.account) or ""
    health = await world.models.recheck(Ref("Account", name))
    return {
        "account": name, "reason": health.reason, "message": health.message or health.template,
    }  # fmt: skip


async def models(world: World, request: OfAny) -> Items:
    """What the account's vendor lists, those in use first, with what they cost."""
    name = _plain(request.account)
    ref = Ref("Account", name) if name else world.models.default()
    cards = await world.models.list(ref)
    row = world.registry.get(ref)
    used = list(row.facts["models"]) if row is not None else []
    items = [_item(card, ref.name, used, await world.models.price(ref, card.id)) for card in cards]
    return {"items": sorted(items, key=lambda item: (not item["used"], item["id"]))}


def asked_of(answer: Answer, *, agent: str | None) -> Asked:
    """An Answer in CONTRACT's words."""
    reply, usage = answer.reply, answer.reply.usage
    return {
        "answer": reply.text, "session": None, "agent": agent, "account": answer.account,
        "model": reply.model,
        "usage": {
            "inputTokens": usage.input, "outputTokens": usage.output,
            "cachedTokens": usage.cached, "costMicroUsd": answer.cost,
        },
        "requestId": answer.request, "stop": reply.stop,
    }  # fmt: skip


def _item(card: ModelCard, account: str, used: list[str], price: Price | None) -> Json:
    return {
        "id": card.id, "name": card.name, "context": card.context or None,
        "mostOutput": card.most_output or None, "created": card.created or None,
        "used": card.id in used, "account": account,
        "price": None if price is None else {
            "input": price.input / USD, "output": price.output / USD,
            "cachedInput": price.cached / USD,
        },
    }  # fmt: skip


def _bare(agent: str | None) -> str:
    return (agent or "").removeprefix("@").removeprefix("agent/")


def _plain(account: str | None) -> str | None:
    return account.removeprefix("account/") if account else None
