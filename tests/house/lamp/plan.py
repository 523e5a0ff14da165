"""Plan of a lamp: light it in the colour wanted, put it out when it is gone."""

# ruff: noqa: I001 - p42.kinds.lamp is there only in the copy that the test makes

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from p42.kinds.lamp.spec import LampSpec
from p42.model.kind import Want
from p42.model.plan import Instant, Outcome, Plan
from p42.model.refs import Ref
from p42.model.status import Facts, in_progress, reconciled


@dataclass(frozen=True, slots=True)
class Seen:
    """What the file says; None = there is none."""

    colour: str | None


@dataclass(frozen=True, slots=True)
class Light:
    """Write the colour."""

    colour: str

    @property
    def detail(self) -> str:
        return f"light it {self.colour}"


@dataclass(frozen=True, slots=True)
class PutOut:
    """Remove the file."""

    detail: str = "put it out"


LampStep = Light | PutOut


def plan(want: Want[LampSpec] | None, seen: Seen, now: Instant) -> Plan[LampStep]:
    """One step at most."""
    wanted = want.spec.colour if want else None
    if seen.colour == wanted:
        return Plan((), reconciled(facts={"lit": wanted} if wanted else {}))
    steps: tuple[LampStep, ...] = (Light(wanted) if wanted else PutOut(),)
    return Plan(steps, in_progress(steps[0].detail))


def predict(seen: Seen, step: LampStep) -> Seen:
    """The file after a step."""
    return Seen(step.colour if isinstance(step, Light) else None)


def finish(seen: Seen, outcome: Outcome) -> Seen:
    """A lamp has no work in flight."""
    return seen


def needs(spec: LampSpec) -> Iterable[Ref]:
    """Nothing."""
    return ()


def executes(want: Want[LampSpec]) -> bytes:
    """A lamp runs nothing."""
    return b""


def facts(want: Want[LampSpec], seen: Seen) -> Facts:
    """What others may know: the colour."""
    return {"lit": seen.colour}
