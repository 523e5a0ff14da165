"""ProjectCI: the companion intelligence of a project, behind a socket of its own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from p42.kinds.fields import (
    AccountName,
    AgentName,
    Amount,
    Count,
    Duration,
    Line,
    Part,
    Port,
    Size,
    Text,
    not_together,
)

KIND, PLURAL, SHORT = "ProjectCI", "projectcis", "ci"


class Limits(Part):
    """What it may take of the machine."""

    memory: Size | None = Field(
        None,
        description="Memory for its own data, 32MiB at least; code and shared pages do not count.",
    )
    cpu: Annotated[Amount, Field(gt=0)] | None = Field(None, description="Cores.")
    requests: Count | None = Field(None, description="Requests at the same time.")


class ProjectCI(Part):
    """The companion of a project: newline JSON on a port of this machine."""

    model_config = ConfigDict(json_schema_extra={"allOf": [not_together("agentRef", "accountRef")]})

    project: Line | None = Field(
        None, description="The project's name for people; left out, metadata.name."
    )
    path: Line | None = Field(None, description="The project's directory.")
    agent_ref: AgentName | None = Field(None, description="The Agent that answers.")
    account_ref: AccountName | None = Field(
        None, description="The Account to ask, where no agent is named."
    )
    model: Line | None = Field(
        None, description="Model id; left out, the agent's or the account's first."
    )
    port: Literal["auto"] | Port = Field(
        "auto", description="The port on 127.0.0.1, or `auto`: one that stays the same."
    )
    activation: Literal["onDemand", "always"] = Field(
        "onDemand", description="Whether it starts with the first connection, or at once."
    )
    idle_timeout: Duration | None = Field(
        None, description="How long it stays without a connection; left out, the configuration's."
    )
    context: Text | None = Field(
        None,
        description="Text added to the persona of who answers, after the project's name and path.",
    )
    limits: Limits = Field(Limits.model_construct(), description="What it may take of the machine.")
    forward_to: Line | None = Field(
        None, description="Who gets its messages instead: a person's terminal or another CI."
    )


SPEC = ProjectCI
