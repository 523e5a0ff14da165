"""Toolbench: what agents can be given to call, as the rooms above hand it in. Protocols only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Look:
    """A verb of p42's own that changes nothing. `schema` is of its arguments, an object.

    `ask` is given the name of the agent that asks and the arguments; it answers with JSON, and
    raises P42Error for what cannot be asked so.
    """

    verb: str
    description: str
    schema: Mapping[str, Any]
    ask: Callable[[str, Mapping[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared command. `problem` says why it cannot be run now; "" = it can.

    `read` and `write` are as its manifest says; a path that is neither absolute nor begins with ~
    is refused when it is run.
    """

    name: str
    path: Path
    description: str = ""
    problem: str = ""
    read: Sequence[str] = ()
    write: Sequence[str] = ()
    network: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """A tool of an MCP server. `schema` is of its arguments; the rest is the server's own word."""

    integration: str
    name: str
    description: str
    schema: Mapping[str, Any]


class Servers(Protocol):
    """Integrations that bring tools."""

    async def reach(self, names: Sequence[str]) -> Sequence[str]:
        """Have them come up; which of them cannot be used now, in a sentence each."""

    def tools(self, names: Sequence[str]) -> Sequence[Served]:
        """What those of them that are up offer."""

    async def call(self, name: str, tool: str, arguments: Mapping[str, Any]) -> str:
        """What a tool gave, as text. P42Error where it failed."""


class Bench(Protocol):
    """All there is, whoever may use it."""

    def looks(self) -> Sequence[Look]:
        """p42's own read-only verbs."""

    def commands(self) -> Sequence[Declared]:
        """The declared commands, sorted by name, as they stand at this moment."""
