"""Later: the rows of the table of verbs, each with its module imported when it is first asked for.

A daemon that comes back after a crash answers its first question with one or two of these modules;
all of them together are a tenth of its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from p42.model.verb import Verb

AnyVerb = Verb[Any, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """What a module has under a name; not imported yet."""

    module: str
    name: str

    def found(self) -> Any:
        """Import it."""
        return getattr(import_module(self.module), self.name)


class Module:
    """Stands for a module in the table: its attributes are Named."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Named:
        return Named(self._name, name)


def modules(*names: str) -> tuple[Module, ...]:
    """Those of this room, by name."""
    return tuple(Module(f"{__package__}.{name}") for name in names)


class Table(Mapping[str, AnyVerb]):
    """Verbs by name, whole. To look at one is to import its module."""

    def __init__(self, rows: Iterable[AnyVerb]) -> None:
        self._rows = {row.name: row for row in rows}
        self._whole: dict[str, AnyVerb] = {}

    def __getitem__(self, name: str) -> AnyVerb:
        verb = self._whole.get(name)
        if verb is None:
            row = self._rows[name]
            verb = self._whole[name] = replace(
                row, takes=_found(row.takes), gives=_found(row.gives), do=_found(row.do)
            )
        return verb

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _found(named: Any) -> Any:
    return named.found() if isinstance(named, Named) else named
