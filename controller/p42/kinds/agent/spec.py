"""Agent: somebody to talk to: a persona on a model, a program, or a machine elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from p42.kinds.fields import (
    AccountName,
    Argument,
    Count,
    Duration,
    IntegrationName,
    Line,
    Part,
    Text,
    Variables,
    Whole,
    not_together,
    when,
)
from p42.model.permissions import PATTERN, VERBS

KIND, PLURAL, SHORT = "Agent", "agents", "ag"


class Memory(Part):
    """How much of a conversation is sent to the model."""

    window: Count = Field(20, description="The last so many messages.")
    keep_first: Whole = Field(0, description="The first so many messages, always.")
    max_tokens: Count | None = Field(
        None, description="All of it within so many tokens; left out, what the model takes."
    )
    summarize: bool = Field(
        True, description="Whether a summary of what lies between goes in as system text."
    )


Rule = Annotated[
    str,
    Field(
        pattern=PATTERN,
        examples=[
            *(f"p42.{verb}" for verb in VERBS),
            "p42.*",
            "command/hello",
            "command/*",
            "integration/files/*",
        ],
    ),
]


# A directory of this machine, wherever the manifest lies.
Place = Annotated[
    str,
    Field(
        pattern=r"^(~|/|~/[^\x00-\x1f\x7f]+|/[^\x00-\x1f\x7f]+)$",
        max_length=1000,
        examples=["~/work/garden"],
    ),
]


class Permissions(Part):
    """What it may call. The most specific rule decides; of two as specific, `deny` before `ask`
    before `allow`.

    What no rule names: p42's own read-only verbs are allowed, commands and tools of integrations
    are asked for.
    """

    allow: tuple[Rule, ...] = Field((), description="Tools it may call unasked.")
    ask: tuple[Rule, ...] = Field((), description="Tools a person has to agree to, call by call.")
    deny: tuple[Rule, ...] = Field((), description="Tools it is not even offered.")


class Process(Part):
    """A program that is the agent."""

    command: Line = Field(description="The program: a name on PATH, or a path.")
    args: tuple[Argument, ...] = Field((), description="Its arguments.")
    env: Variables = Field({}, description="Variables added to its environment. No secrets.")
    cwd: Line | None = Field(None, description="The directory it is started in.")
    protocol: Literal["claude-stream-json", "lines"] = Field(
        "lines", description="How it is spoken to."
    )
    resume: bool = Field(
        False,
        description="Protocol lines: whether, started in the middle of a conversation, it is first "
        "given what was said: P42_HISTORY lines, `user: TEXT` or `assistant: TEXT`.",
    )


class Remote(Part):
    """An agent that runs on another machine and joins by `p42 agent run`."""

    token_ttl: Duration = Field("1h", description="How long an invitation can be used.")
    heartbeat: Duration = Field(
        "30s", description="How often it says that it lives; three missed are Offline."
    )


class Agent(Part):
    """Somebody to talk to."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                when(
                    "runtime",
                    ("process",),
                    {"required": ["process"], "x-p42-says": "runtime process needs `process`"},
                ),
                not_together("persona", "personaFile"),
            ]
        }
    )

    runtime: Literal["model", "process", "remote"] = Field(
        "model", description="Where it thinks: a model, a program here, or another machine."
    )
    persona: Text | None = Field(None, description="Who it is: the system text.")
    persona_file: Line | None = Field(
        None,
        description="UTF-8 file with the persona, relative to the manifest and inside its source.",
        json_schema_extra={"x-p42-file": True, "x-p42-text": True},
    )
    project_path: Place | None = Field(
        None,
        description="A project's directory, absolute or `~/...`: what its AGENTS.md, else its "
        "CLAUDE.md, says is added to the persona, read anew for each message.",
    )
    account_ref: AccountName | None = Field(
        None,
        description="The Account it uses; left out, the one that says `default: true`.",
        json_schema_extra={"x-p42-default-of": "Account"},
    )
    model: Line | None = Field(None, description="Model id; left out, the account's first.")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None, description="How freely it chooses its words, 0 to 2."
    )
    max_tokens: Count = Field(1024, description="The most tokens of one answer.")
    memory: Memory = Field(
        Memory.model_construct(), description="How much of a conversation is sent."
    )
    tools: tuple[IntegrationName, ...] = Field((), description="Integrations it may use.")
    permissions: Permissions | None = Field(
        None,
        description="What it may call of p42's own verbs and of declared commands; left out, and "
        "without `tools`, nothing.",
    )
    forge: bool = Field(False, description="Whether it may declare commands.")
    process: Process | None = Field(None, description="The program, for `runtime: process`.")
    remote: Remote | None = Field(None, description="How it joins, for `runtime: remote`.")


SPEC = Agent
