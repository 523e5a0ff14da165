"""ProjectCI: registered with its project and who answers for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from p42.kinds import registration
from p42.kinds.projectci.spec import KIND, PLURAL, SHORT, ProjectCI
from p42.kinds.registration import Driver, Seen, Shape
from p42.model.kind import Column, Kind, Want
from p42.model.refs import Ref
from p42.model.status import Facts


def _facts(want: Want[ProjectCI]) -> Facts:
    spec = want.spec
    return {
        "project": spec.project or want.ref.name,
        "agent": spec.agent_ref or "",
        "model": spec.model or "",
        "digest": hashlib.sha256(spec.model_dump_json().encode()).hexdigest()[:16],
    }


def _needs(spec: ProjectCI) -> Iterable[Ref]:
    if spec.agent_ref is not None:
        yield Ref("Agent", spec.agent_ref)
    if spec.account_ref is not None:
        yield Ref("Account", spec.account_ref)


shape: Shape[ProjectCI] = Shape(facts=_facts)

kind: Kind[ProjectCI, Seen, registration.Step] = Kind(
    name=KIND,
    plural=PLURAL,
    short=SHORT,
    spec=ProjectCI,
    plan=shape.plan,
    predict=registration.predict,
    finish=registration.finish,
    needs=_needs,
    executes=registration.nothing_runs,
    publish=registration.publish,
    driver=lambda world: Driver(world, shape),
    nothing=Seen(),
    columns=(
        Column("PROJECT", "spec.project"),
        Column("AGENT", "spec.agentRef"),
        Column("PORT", "spec.port"),
        Column("ACTIVATION", "spec.activation", wide=True),
    ),
    uses=frozenset({"registry", "keys"}),
    volatile=frozenset({"keys"}),
)
