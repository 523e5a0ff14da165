"""Shop: the tools room over real processes in a real sandbox, with commands made by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from p42.ai.tools.bench import Declared, Look
from p42.ai.tools.command import Bounds
from p42.ai.tools.tools import Tools
from p42.model.completion import ToolCall
from p42.model.errors import P42Error
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.talk import Used
from p42.runtimes.clock import SystemClock
from p42.runtimes.processes import LocalProcesses
from p42.runtimes.sandbox.sandbox import NONE, Sandbox

OPEN: Mapping[str, Any] = {"permissions": {"allow": [], "ask": [], "deny": []}}


def rules(**words: Sequence[str]) -> dict[str, Any]:
    """Facts of an agent with these permissions."""
    return {"permissions": {"allow": [], "ask": [], "deny": [], **words}}


@dataclass
class Notes:
    """The journal, as far as it is written to."""

    said: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def note(self, ref: Ref | None, reason: str, message: str, *, warning: bool = False) -> None:
        self.said.append((str(ref), reason, message, warning))


@dataclass
class Shop:
    """`home` is a p42 home; commands stand where p42 puts them."""

    home: Path
    path: str = os.environ["PATH"]
    seconds: float = 20.0
    declared: list[Declared] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    answer: Any = None
    notes: Notes = field(default_factory=Notes)

    def __post_init__(self) -> None:
        env = {**os.environ, "PATH": self.path}
        self.tools = Tools(
            clean=lambda text: text.replace("sk-secret", "***"), bounds=Bounds(self.seconds)
        )
        self.world = World(
            self.home, SystemClock(), processes=LocalProcesses(env, home=self.home),
            journal=self.notes,
        )  # fmt: skip
        self.tools.open(self.world, self)

    def looks(self) -> Sequence[Look]:
        schema = {"type": "object", "properties": {"kind": {"type": "string"}},
                  "additionalProperties": False}  # fmt: skip
        return [Look("get", "Objects.", schema, self._get), Look("logs", "Logs.", {}, self._get)]

    def commands(self) -> Sequence[Declared]:
        return self.declared

    async def _get(self, agent: str, arguments: Mapping[str, Any]) -> Any:
        self.asked.append(arguments)
        if isinstance(self.answer, P42Error):
            raise self.answer
        return self.answer

    def command(self, name: str, source: str, **more: Any) -> Path:
        """A script where p42 puts them, and its declaration."""
        path = self.home / "commands" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{source}\n")
        path.chmod(0o755)
        self.declared.append(Declared(name, path, **more))
        return path

    async def run(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        agent: Mapping[str, Any] = OPEN,
        agreed: bool = True,
    ) -> Used:
        call = ToolCall("c1", name, arguments or {})
        return await self.tools.run("muse", agent, call, "s", agreed=agreed)

    def offered(self, agent: Mapping[str, Any]) -> list[str]:
        return [tool.name for tool in self.tools.offered("muse", agent)]


@cache
def sandbox() -> Sandbox | None:
    return Sandbox.find(os.environ["PATH"])


needs_sandbox = pytest.mark.skipif(sandbox() is None, reason=NONE)
