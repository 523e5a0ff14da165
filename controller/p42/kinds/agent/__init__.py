"""Agent: registered with its persona, model and tools; answers through whatever runtime it has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from p42.kinds.agent.spec import KIND, PLURAL, SHORT, Agent
from p42.kinds.registration import Shape
from p42.model.completion import Health
from p42.model.instructions import NAMES, none_in
from p42.model.kind import Column, Want
from p42.model.missing import missing
from p42.model.ports import Files
from p42.model.refs import Ref
from p42.model.status import Facts


def _facts(want: Want[Agent]) -> Facts:
    """The whole spec, defaults completed, with the text of the persona wherever it stands."""
    facts: dict[str, Any] = want.spec.model_dump(mode="json", by_alias=True)
    if want.spec.persona_file is not None:
        # Reading has refused what is no text; a spec that was good before it did is kept.
        data = want.files[want.spec.persona_file]
        facts["persona"] = data.decode("utf-8-sig", errors="replace")
    return facts


def _needs(spec: Agent) -> Iterable[Ref]:
    if spec.account_ref is not None:
        yield Ref("Account", spec.account_ref)
    for tool in spec.tools:
        yield Ref("Integration", tool)


def _executes(want: Want[Agent]) -> bytes:
    """The program with all it is started with, and the tools it is given. What it is told of an
    earlier conversation makes no other program of it.
    """
    process = want.spec.process
    if process is None:
        return b""
    body = {
        "process": process.model_dump(mode="json", exclude={"resume"}),
        "tools": list(want.spec.tools),
    }
    return json.dumps(body, sort_keys=True, indent=1).encode()


def _health(files: Files, spec: Agent) -> Health:
    """Whether the program of a process agent is there, and the instructions of its project."""
    text = _program(files, spec) or _project(files, spec)
    return Health("Blocked", text, text) if text else Health()


def _program(files: Files, spec: Agent) -> str:
    """What is wrong with it. One that is named beneath its cwd is not looked for: the run tells."""
    if spec.runtime != "process" or spec.process is None:
        return ""
    command = spec.process.command
    path = _expanded(command)
    if path.is_absolute():
        there = files.runs(path)
    else:
        there = "/" in command or files.which(command) is not None
    return "" if there else missing(command)


def _project(files: Files, spec: Agent) -> str:
    if spec.project_path is None:
        return ""
    directory = _expanded(spec.project_path)
    there = any(files.reads(directory / name) for name in NAMES)
    return "" if there else none_in(spec.project_path)


def _expanded(path: str) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's raises


shape: Shape[Agent] = Shape(facts=_facts, looks=_health)

kind = shape.kind(
    (KIND, PLURAL, SHORT),
    Agent,
    needs=_needs,
    executes=_executes,
    columns=(
        Column("RUNTIME", "spec.runtime"),
        Column("MODEL", "spec.model"),
        Column("ACCOUNT", "spec.accountRef"),
        Column("TEMPERATURE", "spec.temperature", wide=True),
        Column("FORGE", "spec.forge", wide=True),
    ),
)
