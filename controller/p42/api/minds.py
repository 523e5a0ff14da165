"""Minds: who answers a question: an agent's persona on its account, or an account alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from p42.ai.talk.persona import plain
from p42.api.house import engine_of, house_of
from p42.api.words import did_you_mean
from p42.model.completion import MAX_TOKENS, Call, Message, Prompt
from p42.model.errors import Blocked, InvalidInput, P42Error
from p42.model.ports import World
from p42.model.refs import Ref

NAMED = 20  # agents that are named to who asks for one that is not there


@dataclass(frozen=True, slots=True)
class Mind:
    """`account` None: the default one. `model` "": the account's first."""

    account: str | None = None
    model: str = ""
    system: str = ""
    temperature: float | None = None
    max_tokens: int = MAX_TOKENS

    def call(self, question: str, *, agent: str, timeout: float) -> Call:
        """`question` put to it. `agent` is who asks, for the usage report; `timeout` in seconds."""
        prompt = Prompt(
            model=self.model, messages=(Message("user", question),), system=self.system,
            max_tokens=self.max_tokens, temperature=self.temperature,
        )  # fmt: skip
        return Call(prompt, account=self.account, agent=agent, timeout=timeout)

    def told(self, more: str) -> Mind:
        """The same, with more to keep in mind."""
        return replace(self, system="\n\n".join(filter(None, (self.system, more.strip()))))


async def agents_mind(world: World, name: str) -> Mind:
    """An agent's. P42Error for one that is not there, Blocked for one that is no model's."""
    name = name.removeprefix("@").removeprefix("agent/")
    row = world.registry.get(Ref("Agent", name))
    if row is None:
        raise no_agent(world, name)
    facts = row.facts
    if facts["runtime"] != "model":
        raise Blocked(
            f"agent/{name} is a {facts['runtime']}, not a persona on a model: it cannot be asked "
            "this way; `p42 get agents` shows those with runtime model"
        )
    mind = Mind(
        account=facts["accountRef"], model=facts["model"] or "", system=facts["persona"] or "",
        temperature=facts["temperature"], max_tokens=facts["maxTokens"],
    )  # fmt: skip
    project = facts.get("projectPath")
    return mind.told(await house_of(world).instructions(project)) if project else mind


def must_answer(world: World, name: str, *, known: bool = True) -> None:
    """Raise for an agent that is declared and not ready: nobody else answers in its name.

    `known`: for one that is not declared too. "" is the default agent.
    """
    wanted = name.strip().removeprefix("@") or house_of(world).settings.defaults_agent
    rows = engine_of(world).view().rows
    for each in (wanted, plain(wanted)):
        ref = Ref("Agent", each)
        if world.registry.get(ref) is not None:
            return
        if ref in rows:
            raise no_agent(world, each)
    if known and wanted:
        raise no_agent(world, plain(wanted))


def no_agent(world: World, name: str) -> P42Error:
    """Why the agent of that name does not answer: it is not ready, or it is not declared."""
    rows = engine_of(world).view().rows
    row = rows.get(Ref("Agent", name))
    if row is None:
        there = sorted(ref.name for ref in rows if ref.kind == "Agent")
        some = ", ".join(f"@{each}" for each in there[:NAMED]) or "none"
        more = f" and {len(there) - NAMED} more; p42 get agents" if len(there) > NAMED else ""
        near = did_you_mean(name, there)
        return InvalidInput(f"no agent is called {name!r}{near}; there is: {some}{more}")
    why = ": ".join(part for part in (row.status.reason, row.status.text) if part)
    return P42Error(f"agent/{name} is not ready: {why}; see: p42 describe agent/{name}")
