"""Persona: who is spoken to: a declared agent's facts, read afresh for each message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from p42.ai.accounts.ports import Registered
from p42.model.errors import Blocked, InvalidInput
from p42.model.ports import Registration
from p42.model.refs import Ref
from p42.model.talk import agent_ref

PREFIX = "ai-"  # `@ai-muse` of the original is the declared agent `muse`
NOBODY = (
    "You are {name}, an assistant on port 42. You help one developer. Answer in short, plain "
    "sentences; say so when you do not know."
)
# Who is not declared may be called what the originals' clients call them: as what can be declared,
# and with capitals, dots and underscores. The name stands in every list and in the system text.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
WINDOW, KEEP_FIRST = 20, 2  # as the original, for who is not declared


@dataclass(frozen=True, slots=True)
class Persona:
    """Who answers, and how. `facts` is the whole spec, camelCase; {} = not declared.

    `instructions` are its project's; "" = none are asked for, or they are not read yet.
    """

    name: str
    facts: Mapping[str, Any]
    instructions: str = ""

    @property
    def system(self) -> str:
        """The system text."""
        persona = str(self.facts.get("persona") or NOBODY.format(name=self.name))
        return "\n\n".join(part for part in (persona, self.instructions) if part)

    @property
    def project(self) -> str:
        """The directory whose instructions it is given; "" = none."""
        return str(self.facts.get("projectPath") or "")

    @property
    def account(self) -> str | None:
        """The account's name; None = the default one."""
        return self.facts.get("accountRef")

    @property
    def memory(self) -> Mapping[str, Any]:
        """window, keepFirst, maxTokens, summarize."""
        return self.facts.get("memory") or {
            "window": WINDOW, "keepFirst": KEEP_FIRST, "maxTokens": None, "summarize": True,
        }  # fmt: skip

    @property
    def runtime(self) -> str:
        """model, process or remote."""
        return str(self.facts.get("runtime", "model"))


def plain(name: str) -> str:
    """`@ai-muse` to `muse`."""
    return name.strip().removeprefix("@").removeprefix(PREFIX)


def persona(registry: Registered, name: str, *, default: str = "", known: bool = False) -> Persona:
    """The agent meant. `known`: InvalidInput for one that is not declared; else anybody answers."""
    wanted = name.strip().removeprefix("@") or default
    for each in (wanted, plain(wanted)):
        row = registry.get(agent_ref(each)) if each else None
        if row is not None:
            return Persona(each, row.facts)
    if known:
        there = ", ".join(f"@{ref.name}" for ref in registry.refs() if ref.kind == "Agent")
        shown = repr(wanted[:63] or "?")
        raise InvalidInput(f"no agent is called {shown}; there is: {there or 'none'}")
    if not wanted:
        raise Blocked("no agent is named, and defaults.agent names none")
    return Persona(plain(wanted), {})


def is_orphan(registered: Callable[[Ref], Registration | None], agent: str, named: Persona) -> bool:
    """Whether a session of `agent` goes on with who is named: it has no agent, or one that is not
    declared, or not any more, where the one that is named is."""
    known = [each for each in (agent, plain(agent)) if each]
    gone = all(registered(agent_ref(each)) is None for each in known)
    return not known or (gone and bool(named.facts))


def check_name(who: Persona) -> None:
    """InvalidInput for who is not declared and has no name that a session can be begun with."""
    if not who.facts and not _NAME.match(who.name):
        raise InvalidInput(
            f"{who.name[:63]!r} is no agent's name: at most 63 letters, digits, hyphens, dots and "
            "underscores"
        )
