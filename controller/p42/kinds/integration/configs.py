"""Configs: what `config` may hold, type by type. Values may be env:, keychain: or file: refs.

`plugin` and `tasks` take free keys: a plugin knows its own. The others are closed, so that a
misspelt key is an error with a suggestion and not a setting that is silently ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from p42.kinds.fields import Argument, KeyRef, Line, Part, Text, Variables, exactly_one

# An agent and an action are looked up when something is delivered: they are no needs.
Deliver = Annotated[
    str,
    Field(
        pattern=r"^(task|notification|agent/[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
        r"|action/[A-Za-z0-9][A-Za-z0-9._-]{0,62})$",
        examples=["task", "notification", "agent/muse", "action/build"],
    ),
]


class Mcp(Part):
    """An MCP server: a program spoken to over its standard streams, or an address."""

    model_config = ConfigDict(json_schema_extra=exactly_one("command", "url"))

    command: Line | None = Field(None, description="The server's program.")
    args: tuple[Argument, ...] = Field((), description="Its arguments.")
    env: Variables = Field({}, description="Variables for it; a value may be a reference.")
    cwd: Line | None = Field(None, description="The directory it is started in.")
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = Field(
        None, description="The server's address, for streamable HTTP."
    )
    headers: dict[str, Line] = Field(
        {}, description="Headers sent to it; a value may be a reference."
    )


class Webhook(Part):
    """An address that others post to."""

    secret: KeyRef | None = Field(None, description="Where the signing secret stands.")
    scheme: Literal["standard", "github", "stripe"] = Field(
        "standard", description="How posts are signed."
    )
    deliver: Deliver | None = Field(None, description="What becomes of a post.")


class Calendar(Part):
    """A calendar, looked at every so often."""

    provider: Literal["google"] = Field("google", description="Whose calendar.")
    calendar_id: Line = Field("primary", description="Which of them.")
    client_id: Line | None = Field(None, description="OAuth client; may be a reference.")
    client_secret: KeyRef | None = Field(None, description="Where its secret stands.")
    notify_before: Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m|h|d)$")] = Field(
        "10m", description="How long before an event it is announced."
    )
    deliver: Deliver | None = Field(None, description="What becomes of an announcement.")


class Schedule(Part):
    """Something that happens at its time."""

    deliver: Deliver | None = Field(None, description="What happens.")
    message: Text | None = Field(None, description="What is said then.")


def schema_of(config: type[Part]) -> dict[str, Any]:
    """The schema of one config, to stand inside that of the spec. They nest nothing."""
    schema = config.model_json_schema(by_alias=True)
    return {word: value for word, value in schema.items() if word != "title"}


BY_TYPE: tuple[tuple[str, type[Part]], ...] = (
    ("mcp", Mcp),
    ("webhook", Webhook),
    ("calendar", Calendar),
    ("schedule", Schedule),
)
