"""Toolbench: what agents can be given to call, as the rooms above hand it in. Protocols only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Look:
    """A verb of p42's own that changes nothing. `schema` is of its arguments, an object.

    `ask` answers with JSON, and raises P42Error for what cannot be asked so.
    """

    verb: str
    description: str
    schema: Mapping[str, Any]
    ask: Callable[[Mapping[str, Any]], Awaitable[Any]]


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


class Bench(Protocol):
    """All there is, whoever may use it."""

    def looks(self) -> Sequence[Look]:
        """p42's own read-only verbs."""

    def commands(self) -> Sequence[Declared]:
        """The declared commands, sorted by name, as they stand at this moment."""
