"""Key: one setting p42 knows. The table behind `config.toml`, `P42_*` and `p42 config`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from p42.config import read
from p42.config.read import Reader

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Key:
    """`name` as in config.toml. `secret` values are never shown, not even where they are kept.

    `later`: checked and kept, and served by a later version; whoever sets it is told.
    """

    name: str  # projects.portBase
    read: Reader
    means: str
    secret: bool = False
    later: bool = False

    @property
    def field(self) -> str:
        """Its attribute of Settings: projects_port_base."""
        return _HUMP.sub("_", self.name.replace(".", "_")).lower()

    @property
    def env(self) -> str:
        """Its environment variable: P42_PROJECTS_PORT_BASE."""
        return f"P42_{self.field.upper()}"


_TABLE = (
    Key("gateway.port", read.port, "Port of the gateway; 42 falls back to 4242."),
    Key("gateway.auth", read.choice("none", "token"), "What the gateway asks of a client."),
    Key("http.port", read.port, "Port of the HTTP door."),
    Key("projects.portBase", read.port, "First port of project CIs."),
    Key("projects.portCount", read.count, "How many ports project CIs may take."),
    Key("projects.idleTimeout", read.duration, "An idle project CI sleeps after this."),
    Key(
        "sessions.retention",
        read.duration_or_never,
        "Sessions are deleted after this; never.",
    ),
    Key(
        "sessions.archiveAfter",
        read.duration_or_never,
        "Sessions are archived after this.",
    ),
    Key("status.write", read.choice("inline", "sidecar", "none"), "Where status is written."),
    Key("trust", read.choice("all", "follow", "pin"), "What may run without being asked about."),
    Key(
        "keys.store",
        read.choice("auto", "keychain", "file"),
        "Where keys are kept; auto = the keychain.",
    ),
    Key("keeper.grace", read.duration, "Children outlive a crashed daemon this long."),
    Key("log.level", read.choice("debug", "info", "warning", "error"), "What the log holds."),
    Key("defaults.account", read.name, "The account used when none is named."),
    Key("defaults.model", read.text, "The model used when none is named."),
    Key("defaults.agent", read.name, "The agent used when none is named."),
    Key("bus", read.bus, "Where messages travel: local, or nats://HOST:PORT.", later=True),
    Key(
        "compat.porter.listen",
        read.listen,
        "Where the Porter door listens; empty = off.",
        later=True,
    ),
    Key("compat.porter.origins", read.words, "Web origins the Porter door accepts."),
    Key("compat.porter.agent", read.name, "The agent behind the Porter door."),
    Key(
        "compat.zedops.listen",
        read.listen,
        "Where the ZedOps door listens; empty = off.",
        later=True,
    ),
    Key("compat.zedops.adminPassword", read.reference, "Where its password is.", secret=True),
    Key("compat.kilometers.listen", read.listen, "Where the Kilometers door listens.", later=True),
    Key("compat.kilometers.key", read.reference, "Where its key is.", secret=True),
    Key(
        "compat.tekton.listen",
        read.listen,
        "Where the Tekton door listens; empty = off.",
        later=True,
    ),
    Key("compat.tekton.origins", read.words, "Web origins the Tekton door accepts."),
)

KEYS: dict[str, Key] = {key.name: key for key in _TABLE}

# Tables of the founding documents' config.toml; they become defaults for manifests. Their own
# spelling is kept, the manifests' fields are taken beside it.
NAMED: dict[str, dict[str, Key]] = {
    "accounts": {
        key.name: key
        for key in (
            Key("provider", read.text, "The provider."),
            Key("models", read.words, "Models; the first is the default."),
            Key("rate_limit", read.calls, "Requests an hour."),
            Key("monthly_budget", read.number, "USD a month."),
            Key("key", read.reference, "Where the key is.", secret=True),
            Key("base_url", read.url, "The server's address."),
        )
    },
    "agents": {
        key.name: key
        for key in (
            Key("preferred_model", read.text, "The model."),
            Key("temperature", read.temperature, "The temperature."),
            Key("account", read.name, "The account."),
        )
    },
}
