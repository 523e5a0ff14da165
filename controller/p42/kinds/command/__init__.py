"""Command: an executable in the home's `commands/`, forged from a script and kept as declared."""

from __future__ import annotations

from collections.abc import Iterable

from p42.kinds.command.driver import Driver
from p42.kinds.command.pinned import claim, meant
from p42.kinds.command.plan import finish, plan, predict
from p42.kinds.command.runs import executes, stands, told
from p42.kinds.command.seen import Seen, Step
from p42.kinds.command.spec import KIND, PLURAL, SHORT, Command
from p42.model.kind import Column, Kind, Want
from p42.model.refs import Ref
from p42.model.status import Facts


def _needs(spec: Command) -> Iterable[Ref]:
    if spec.agent_ref is not None:
        yield Ref("Agent", spec.agent_ref)


def _spares(want: Want[Command]) -> Iterable[Ref]:
    """Whoever forges it is needed until that was done: what is pinned needs no model."""
    return () if meant(want) is None else _needs(want.spec)


def _publish(want: Want[Command], _seen: Seen) -> Facts:
    return {"language": told(want).language, "description": want.spec.description or ""}


kind: Kind[Command, Seen, Step] = Kind(
    name=KIND,
    plural=PLURAL,
    short=SHORT,
    spec=Command,
    plan=plan,
    predict=predict,
    finish=finish,
    needs=_needs,
    executes=executes,
    publish=_publish,
    driver=Driver,
    nothing=Seen(),
    columns=(
        Column("LANGUAGE", "status.language"),
        Column("DESCRIPTION", "spec.description", wide=True),
        Column("DEPENDENCIES", "spec.dependencies", wide=True),
    ),
    uses=frozenset(
        {"files", "processes", "registry", "works", "models", "approvals", "pins"} | {"journal"}
    ),
    unasked=lambda spec: spec.approve == "auto",
    claim=claim,
    stands=stands,
    mishap=lambda _want, seen: seen.mishap,
    spares=_spares,
    # The lock stands in the user's tree, what is known of approval in the engine's book: neither
    # goes with the command.
    volatile=frozenset(
        {"rival", "interpreter", "missing", "trial", "verdict", "work", "stage"}
        | {"lock", "result", "machine", "approved", "vouched", "mishap"}
    ),
)
