"""Talk: somebody says something to an agent, and hears the answer. Every door's way in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from p42.model.completion import Answer, Text, Tool, ToolCall, Usage
from p42.model.refs import Ref

OWN_MODEL = "default"  # in place of a model's name


@dataclass(frozen=True, slots=True)
class Say:
    """`session` "" draws one. `model` "" is the one that the session keeps, else the agent's own;
    OWN_MODEL is the agent's, and the session keeps none from then on. `context` is further system
    text, of the place the message comes from. `known`: refuse an agent that is not declared. `into`
    is the directory that a person wants commands of the answer to be declared in, "" = the home.

    `material` is what the model is to look things up in: it is shown as something that a user gave,
    never as system text. `of_project`: `session` may be one of a project's socket. `declared`: that
    conversation goes on with this agent and this model, whoever it was begun with.
    """

    agent: str
    text: str
    session: str = ""
    model: str = ""
    account: str | None = None
    by: str = ""  # who is billed in the usage report, where it is not the agent
    context: str = ""
    known: bool = False
    timeout: float = 120.0  # s, all of it
    person: bool = False  # somebody is there who can be asked whether a tool may be run
    into: str = ""  # absolute; set only where a person asks
    material: str = ""
    of_project: bool = False
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Forged:
    """A command that came out of a reply: its spec, and where its manifest went.

    `problem` says why there is none; then `file` is "". `waits`: for a person's word, as it stands.
    """

    name: str
    spec: Mapping[str, Any]
    file: str = ""
    diff: str = ""
    problem: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """A tool that was run, or refused, on the way to the answer."""

    call: ToolCall
    result: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Thinking:
    """What an agent that is a program thinks: shown to who asked and who watches.

    No part of the answer; kept nowhere, and sent to no model.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that waits for a person: `decide` with the id. `tool` is its name in permissions."""

    id: str
    tool: str
    call: ToolCall


@dataclass(frozen=True, slots=True)
class Said:
    """The last piece. `usage` and `cost` (micro-USD) are of all calls the answer took.

    `usage` None = nobody counted. `notes` are for who asked, and no part of the answer.
    """

    answer: Answer
    session: str
    agent: str
    usage: Usage | None
    cost: int
    forged: Sequence[Forged] = ()
    notes: Sequence[str] = ()


Spoken = Text | Thinking | ToolCall | Asked | Used | Said


class Talks(Protocol):
    """Conversations with agents, kept."""

    def say(self, say: Say) -> AsyncIterator[Spoken]:
        """The answer as it comes. Closed early, what was said stays in the session, marked cut.

        Raises what the models raise, and Blocked for an agent that cannot answer.
        """

    def watch(self, session: str) -> AsyncIterator[Mapping[str, Any]]:
        """What is said in a session from now on: `{"role", "content"}` and `{"text"}` pieces.

        Of an agent that is a program also `{"thinking"}` and `{"tool"}`, which are kept nowhere.
        """

    def decide(self, question: str, *, allow: bool, always: bool = False) -> Asked:
        """A person's word on an Asked; `always`: for this tool in this session.

        P42Error if nobody waits for it any more.
        """


@dataclass(frozen=True, slots=True)
class Heard:
    """A whole reply of an agent, for who acts on it. `agent` are the facts of its registration.

    `asked`: the person asked for a command, in these words; "" = the agent may have made one.
    `mends` names the command of which they asked for another version. `into` as in Say.
    """

    name: str
    agent: Mapping[str, Any]
    session: str
    text: str
    model: str
    calls: Sequence[ToolCall] = field(default_factory=tuple)
    asked: str = ""
    mends: str = ""
    into: str = ""


class Listener(Protocol):
    """Acts on whole replies: the forge."""

    async def heard(self, heard: Heard) -> Sequence[Forged]:
        """What came of it. Raises nothing for a hostile reply: it says what is wrong with it."""


class ToolBox(Protocol):
    """What agents may call."""

    async def ready(self, name: str, agent: Mapping[str, Any]) -> Sequence[str]:
        """Have ready what it may call; what cannot be called now, and why, in sentences."""

    def offered(self, name: str, agent: Mapping[str, Any]) -> Sequence[Tool]:
        """The tools of this agent."""

    def question(self, name: str, agent: Mapping[str, Any], call: ToolCall, session: str) -> str:
        """The tool that a person has to agree to before `call` is run; "" = none."""

    async def run(
        self,
        name: str,
        agent: Mapping[str, Any],
        call: ToolCall,
        session: str,
        *,
        agreed: bool = False,
    ) -> Used:
        """Run it, within the agent's permissions. A refusal and a failure are results too.

        `agreed`: a person said yes to what `question` named.
        """

    def refuse(self, name: str, call: ToolCall, why: str, *, rule: str = "") -> Used:
        """The result of a call that is not run. `rule`: for the journal, the tool it is."""


def agent_ref(name: str) -> Ref:
    """Where an agent of that name is registered."""
    return Ref("Agent", name)
