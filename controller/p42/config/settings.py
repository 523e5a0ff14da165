"""Settings: every setting with its value and where the value came from."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from p42.config.keys import KEYS, NAMED, Key
from p42.config.read import duration, duration_or_never
from p42.config.toml import Document, leaves, read_toml
from p42.model.diagnostic import Diagnostic
from p42.model.errors import InvalidInput
from p42.model.quantity import duration as written

FALLBACK_PORT = 4242  # where clients of the original look when 42 is refused
MASK = "***"
# Variables of ours that are no settings, though they begin like one of a section.
_NOT_SETTINGS = frozenset({"P42_KEYS_PASSPHRASE"})
_PASSWORD = re.compile(r"//[^/@]*@")


class Origin(NamedTuple):
    """Where a value came from: `P42_HTTP_PORT`, `--http-port`, `/home/me/.port42/config.toml`."""

    source: Literal["flag", "env", "file", "default"]
    where: str = ""


class Item(NamedTuple):
    """One line of `p42 config`; secrets are masked, durations written as `10m`."""

    key: str
    value: Any
    source: str
    where: str

    def as_json(self) -> dict[str, Any]:
        """The item of CONTRACT, "JSON", with `where` beside it."""
        return self._asdict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Durations in seconds, ports as numbers (0 = any free one), None = never.

    `accounts` and `agents` hold the founding documents' tables by name, checked; references stay
    references.
    """

    home: Path
    gateway_port: int = 42
    gateway_auth: str = "none"
    http_port: int = 4280
    projects_port_base: int = 42100
    projects_port_count: int = 4000
    projects_idle_timeout: float = 600.0
    sessions_retention: float | None = None
    sessions_archive_after: float | None = None
    status_write: str = "inline"
    trust: str = "all"
    keys_store: str = "auto"
    keeper_grace: float = 600.0
    log_level: str = "info"
    defaults_account: str = ""
    defaults_model: str = ""
    defaults_agent: str = ""
    bus: str = "local"
    compat_porter_listen: str = ""
    compat_porter_origins: tuple[str, ...] = ()
    compat_porter_agent: str = ""
    compat_zedops_listen: str = ""
    compat_zedops_admin_password: str = ""
    compat_kilometers_listen: str = ""
    compat_kilometers_key: str = ""
    compat_tekton_listen: str = ""
    compat_tekton_origins: tuple[str, ...] = ()
    accounts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    agents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def gateway_ports(self) -> tuple[int, ...]:
        """The ports to try, in order."""
        return (42, FALLBACK_PORT) if self.gateway_port == 42 else (self.gateway_port,)

    @property
    def later(self) -> tuple[str, ...]:
        """Settings that were made and that only a later version serves."""
        return tuple(name for name, key in KEYS.items() if key.later and name in self.origins)

    def items(self) -> tuple[Item, ...]:
        """Every setting in the order of the table, then accounts and agents."""
        plain = [self._item(key.name, getattr(self, key.field), key) for key in KEYS.values()]
        return (*plain, *self._named("accounts"), *self._named("agents"))

    def _named(self, section: str) -> Iterator[Item]:
        for name, table in getattr(self, section).items():
            for entry, value in table.items():
                yield self._item(f"{section}.{name}.{entry}", value, NAMED[section][entry])

    def _item(self, name: str, value: Any, key: Key) -> Item:
        source, where = self.origins.get(name, Origin("default"))
        if key.secret and value:
            value = MASK
        elif isinstance(value, str):
            value = _PASSWORD.sub(f"//{MASK}@", value)
        elif isinstance(value, tuple):
            value = list(value)
        elif key.read in (duration, duration_or_never) and value is not None:
            value = written(value)
        return Item(name, value, source, where)


def load(
    home: Path, flags: Mapping[str, object] | None = None, *, env: Mapping[str, str] = os.environ
) -> Settings:
    """The settings of `home`. `flags` by setting name (`gateway.port`); None = not given.

    InvalidInput names every wrong key and value at once, each where it stands.
    """
    found = _Found(read_toml(home / "config.toml"))
    found.from_file()
    found.from_env(env)
    found.from_flags(flags or {})
    found.refuse()
    values = {KEYS[name].field: value for name, value in found.values.items()}
    return Settings(
        home=home,
        accounts=found.named["accounts"],
        agents=found.named["agents"],
        origins=found.origins,
        **values,
    )


class _Found:
    """What was found so far: the later source wins, every error is kept."""

    def __init__(self, document: Document) -> None:
        self.values: dict[str, Any] = {}
        self.named: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in NAMED}
        self.origins: dict[str, Origin] = {}
        self._document = document
        self._findings: list[Diagnostic] = []
        self._lines: list[str] = []

    def from_file(self) -> None:
        """Take what config.toml says."""
        for path in leaves(self._document.values):
            if path[0] in NAMED:
                self._take_named(path)
            else:
                self._take_plain(path)

    def from_env(self, env: Mapping[str, str]) -> None:
        """Take `P42_SECTION_KEY`. A misspelt key of a section is an error; others are not ours."""
        by_env = {key.env: key for key in KEYS.values()}
        sections = tuple(f"P42_{name.partition('.')[0].upper()}_" for name in KEYS if "." in name)
        for variable in sorted(env.keys() - _NOT_SETTINGS):
            key = by_env.get(variable)
            if key is not None:
                self._read(key, env[variable], Origin("env", variable))
            elif variable.startswith(sections):
                self._lines.append(f"{variable}: no such setting{_near(variable, by_env)}")

    def from_flags(self, flags: Mapping[str, object]) -> None:
        """Take what the command line says."""
        for name, value in flags.items():
            if value is not None:
                origin = Origin("flag", "--" + KEYS[name].field.replace("_", "-"))
                self._read(KEYS[name], value, origin)

    def refuse(self) -> None:
        """Raise InvalidInput if anything was wrong."""
        lines = [finding.as_text() for finding in self._findings] + self._lines
        if lines:
            raise InvalidInput("\n".join(lines), diagnostics=self._findings)

    def _read(self, key: Key, value: object, origin: Origin) -> None:
        try:
            self.values[key.name] = key.read(value)
        except ValueError as error:
            self._lines.append(f"{origin.where}: {key.name} {error}")
        self.origins[key.name] = origin

    def _take_plain(self, path: tuple[str, ...]) -> None:
        name = ".".join(path)
        if name in KEYS:
            self._take(path, KEYS[name], self.values, name)
            return
        for length in range(1, len(path) + 1):
            above = ".".join(path[:length])
            if above in KEYS:
                self._wrong(path[:length], f"{above} is one value, not a table")
                return
            if not any(known.startswith(above + ".") for known in KEYS):
                self._wrong(path[:length], "no such setting" + _near(name, (*KEYS, *NAMED)))
                return
        if self._at(path) != {}:
            self._wrong(path, f"{name} is a table, not one value")

    def _take_named(self, path: tuple[str, ...]) -> None:
        section, *rest = path
        known = NAMED[section]
        if len(rest) == 2 and rest[1] in known:
            table = self.named[section].setdefault(rest[0], {})
            self._take(path, known[rest[1]], table, rest[1])
        elif len(rest) >= 2:
            self._wrong(path[:3], "no such setting" + _near(rest[1], known))
        elif self._at(path) != {}:
            self._wrong(path, f"{'.'.join(path)} is a table, not one value")

    def _take(self, path: tuple[str, ...], key: Key, into: dict[str, Any], name: str) -> None:
        try:
            into[name] = key.read(self._at(path))
        except ValueError as error:
            self._wrong(path, str(error))
        self.origins[".".join(path)] = Origin("file", str(self._document.file))

    def _at(self, path: tuple[str, ...]) -> Any:
        value: Any = self._document.values
        for part in path:
            value = value[part]
        return value

    def _wrong(self, path: tuple[str, ...], message: str) -> None:
        finding = self._document.finding(path, message)
        if finding not in self._findings:  # two keys under one unknown table are one mistake
            self._findings.append(finding)


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
