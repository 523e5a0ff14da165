"""Integration: registered with its type and actions; references in its config lead somewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from p42.kinds.integration.spec import KIND, PLURAL, SHORT, Integration
from p42.kinds.registration import Shape, references_in
from p42.model.kind import Column, Want
from p42.model.refs import Ref
from p42.model.status import Facts


def _facts(want: Want[Integration]) -> Facts:
    """Type and actions; of an MCP server how it is reached: who starts it for an agent needs it."""
    spec = want.spec
    facts: dict[str, Any] = {"type": spec.type, "actions": list(spec.actions)}
    if spec.type == "mcp":
        facts["config"] = dict(spec.config)
    return facts


def _needs(spec: Integration) -> Iterable[Ref]:
    if spec.account_ref is not None:
        yield Ref("Account", spec.account_ref)


def _keys(spec: Integration) -> Iterable[str]:
    return references_in(spec.config)


def _executes(want: Want[Integration]) -> bytes:
    """The program of an MCP server, with all it is started with."""
    config = want.spec.config
    return json.dumps(config, sort_keys=True, indent=1).encode() if "command" in config else b""


shape: Shape[Integration] = Shape(facts=_facts, keys=_keys, lost="Blocked")

kind = shape.kind(
    (KIND, PLURAL, SHORT),
    Integration,
    needs=_needs,
    executes=_executes,
    columns=(
        Column("TYPE", "spec.type"),
        Column("EVERY", "spec.every", wide=True),
        Column("CRON", "spec.cron", wide=True),
    ),
)
