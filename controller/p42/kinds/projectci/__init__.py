"""ProjectCI: registered with its project and who answers for it."""

from __future__ import annotations

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
        "account": spec.account_ref or "",
        "model": spec.model or "",
    }


def _needs(spec: ProjectCI) -> Iterable[Ref]:
    if spec.agent_ref is not None:
        yield Ref("Agent", spec.agent_ref)
    if spec.account_ref is not None:
        yield Ref("Account", spec.account_ref)


def _settled(spec: ProjectCI) -> Facts:
    """A port that was drawn is this machine's own and not in the file; one that is fixed is."""
    return {"endpoint": "auto" if spec.port == "auto" else f"127.0.0.1:{spec.port}"}


shape: Shape[ProjectCI] = Shape(facts=_facts, settled=_settled)

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
        Column("ENDPOINT", "status.endpoint"),
        Column("ACTIVATION", "spec.activation", wide=True),
    ),
    uses=frozenset({"registry"}),
    volatile=frozenset({"keys"}),
)
