"""ProjectCI: a companion behind a socket of its own, started by the first connection."""

from __future__ import annotations

from collections.abc import Iterable

from p42.kinds.projectci.driver import Driver
from p42.kinds.projectci.plan import plan, publish
from p42.kinds.projectci.seen import Seen, Step, finish, predict
from p42.kinds.projectci.spec import KIND, PLURAL, SHORT, ProjectCI
from p42.model.kind import Column, Kind, Want
from p42.model.refs import Ref


def _needs(spec: ProjectCI) -> Iterable[Ref]:
    if spec.agent_ref is not None:
        yield Ref("Agent", spec.agent_ref)
    if spec.account_ref is not None:
        yield Ref("Account", spec.account_ref)


def _executes(_want: Want[ProjectCI]) -> bytes:
    """Nothing of the manifest's is run: the program behind the socket is p42's own."""
    return b""


kind: Kind[ProjectCI, Seen, Step] = Kind(
    name=KIND,
    plural=PLURAL,
    short=SHORT,
    spec=ProjectCI,
    plan=plan,
    predict=predict,
    finish=finish,
    needs=_needs,
    executes=_executes,
    publish=publish,
    driver=Driver,
    nothing=Seen(),
    columns=(
        Column("PROJECT", "spec.project"),
        Column("AGENT", "spec.agentRef"),
        Column("ENDPOINT", "status.endpoint"),
        Column("STATE", "status.state"),
        Column("ACTIVATION", "spec.activation", wide=True),
        Column("PID", "status.pid", wide=True),
    ),
    uses=frozenset({"files", "units", "leases", "models", "registry"}),
    volatile=frozenset({"port", "unit", "holder", "idle", "mind"}),
)
