"""Agent: registered with its persona, model and tools; answers through whatever runtime it has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from p42.kinds.agent.spec import KIND, PLURAL, SHORT, Agent
from p42.kinds.registration import Shape
from p42.model.kind import Column, Want
from p42.model.refs import Ref
from p42.model.status import Facts


def _facts(want: Want[Agent]) -> Facts:
    spec = want.spec
    persona = spec.persona or ""
    if spec.persona_file is not None:
        persona = want.files[spec.persona_file].decode(errors="replace")
    return {
        "runtime": spec.runtime,
        "persona": hashlib.sha256(persona.encode()).hexdigest()[:16] if persona else "",
        "account": spec.account_ref or "",
        "model": spec.model or "",
        "temperature": spec.temperature,
        "tools": list(spec.tools),
        "forge": spec.forge,
    }


def _needs(spec: Agent) -> Iterable[Ref]:
    if spec.account_ref is not None:
        yield Ref("Account", spec.account_ref)
    for tool in spec.tools:
        yield Ref("Integration", tool)


def _executes(want: Want[Agent]) -> bytes:
    process = want.spec.process
    return process.model_dump_json().encode() if process is not None else b""


shape: Shape[Agent] = Shape(facts=_facts)

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
