"""Integration: a way in or out: tasks, MCP servers, webhooks, calendars, plugins, schedules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from p42.kinds.fields import AccountName, Duration, Part, not_together, when
from p42.kinds.integration.configs import BY_TYPE, schema_of

KIND, PLURAL, SHORT = "Integration", "integrations", "int"

# Five fields as in crontab(5), or one of its words. What the fields say is read by the scheduler.
CRON_PATTERN = (
    r"^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)"
    r"|[0-9A-Za-z*,/#?-]+( +[0-9A-Za-z*,/#?-]+){4})$"
)
ACTION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"


def _rules() -> list[Any]:
    configs: list[Any] = [
        when("type", (name,), {"properties": {"config": schema_of(config)}})
        for name, config in BY_TYPE
    ]
    timed = {
        "anyOf": [{"required": ["every"]}, {"required": ["cron"]}],
        "x-p42-says": "a schedule needs `every` or `cron`",
    }
    needed = {"required": ["config"], "x-p42-says": "it needs `config`: `command` or `url`"}
    return [
        *configs,
        when("type", ("mcp",), needed),
        when("type", ("schedule",), timed),
        not_together("every", "cron"),
    ]


class Integration(Part):
    """A way in or out."""

    model_config = ConfigDict(json_schema_extra={"allOf": _rules()})

    type: Literal["tasks", "mcp", "webhook", "calendar", "plugin", "schedule"] = Field(
        description="What it joins p42 to."
    )
    config: dict[str, JsonValue] = Field(
        {},
        description="Settings of the type: mcp `command, args, env, cwd` or `url, headers`; "
        "webhook `secret, scheme, deliver`; calendar `provider, calendarId, clientId, "
        "clientSecret, notifyBefore, deliver`; schedule `deliver, message`; plugin and tasks: "
        "their own. A text that is wholly `env:NAME`, `keychain:SERVICE/ACCOUNT` or `file:PATH` "
        "is a reference.",
    )
    account_ref: AccountName | None = Field(None, description="The Account it uses.")
    every: Duration | None = Field(None, description="How often it looks.")
    cron: Annotated[str, Field(pattern=CRON_PATTERN, max_length=200)] | None = Field(
        None, description="When it looks: five fields as in crontab.", examples=["0 9 * * 1-5"]
    )
    monitor: bool = Field(False, description="Whether its traffic is traced: `p42 trace`.")
    actions: tuple[Annotated[str, Field(pattern=ACTION_PATTERN)], ...] = Field(
        (), description="Actions that may be asked of it; none given: all it has."
    )


SPEC = Integration
