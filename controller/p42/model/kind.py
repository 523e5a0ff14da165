"""Kind: a sort of thing that can be declared: three questions as functions in one record.

    observe   what is there?           awaits, changes nothing      (Driver)
    plan      what must be done?       pure                         (Kind)
    act       do one step              awaits, one effect           (Driver)

Guarantees asked of every kind (tests/laws): one pass reaches an empty plan; a crash after any step,
one more pass gets there; gone is gone; no plan proposes a step that `predict` refuses; a plan with
steps never says ready; planning twice gives the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from p42.model.plan import Instant, Outcome, Plan, Step
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.status import Facts
from p42.model.verb import Verb

Spec = TypeVar("Spec")
Seen = TypeVar("Seen")
StepT = TypeVar("StepT", bound=Step)
SpecIn = TypeVar("SpecIn")
SeenOut = TypeVar("SeenOut", covariant=True)
StepIn = TypeVar("StepIn", bound=Step, contravariant=True)


@dataclass(frozen=True, slots=True)
class Published:
    """What a ready resource lets those that need it know. Never a secret."""

    facts: Facts


@dataclass(frozen=True, slots=True)
class Want(Generic[Spec]):
    """All a plan may know of the wish."""

    ref: Ref
    spec: Spec  # defaults completed
    annotations: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)  # every file the spec names
    needs: Mapping[Ref, Published] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a thing tells of its own origin: a machine made what it executes.

    `file`, one of those its spec names, says that somebody agreed to `digest`; "" = none does.
    """

    file: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `get`. `value` is a dotted path into the object (`spec.model`, `status.port`)."""

    title: str
    value: str
    wide: bool = False


class Driver(Protocol[SpecIn, SeenOut, StepIn]):
    """The only awaits of a kind. Raises Retry or Blocked; anything else is a bug."""

    async def observe(self, ref: Ref, want: Want[SpecIn] | None) -> SeenOut:
        """What is there. Changes nothing, not even a log."""

    async def act(self, ref: Ref, want: Want[SpecIn] | None, step: StepIn) -> None:
        """Do one step. Idempotent; a cancelled call leaves the old or the new, nothing between."""

    async def watch(self, wake: Callable[[Ref | None], None]) -> None:
        """Follow reality until cancelled; `wake(ref)` when it may have changed, None = all."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[Spec, Seen, StepT]):
    """One kind, as the engine sees it. The engine never names one; a kind never imports another.

    `volatile` names fields of Seen that a real observe may show otherwise than predict said.
    `uses` names the ports of World its driver and verbs get; others raise on access.
    `nothing` is the Seen of a world in which the thing never was.
    `unasked`: whether the spec says that what a model wrote of it may run without a person's word.
    `claim`: what it tells of a machine that made it, None = nothing. `stands`: what of it is there
    now and would be run, in the form of `executes`; None where that is what was let through last.
    `mishap`: what a person who is asked for a word shall know of the version before, "" = nothing.
    `spares`: which of its needs a want can do without as it stands. It is planned also while they
    publish nothing; they stay its needs in every other respect.
    """

    name: str  # "Command"
    plural: str  # "commands"
    short: str  # "cmd"
    spec: type[Spec]
    plan: Callable[[Want[Spec] | None, Seen, Instant], Plan[StepT]]
    predict: Callable[[Seen, StepT], Seen]
    finish: Callable[[Seen, Outcome], Seen]
    needs: Callable[[Spec], Iterable[Ref]]
    executes: Callable[[Want[Spec]], bytes]
    publish: Callable[[Want[Spec], Seen], Facts]
    driver: Callable[[World], Driver[Spec, Seen, StepT]]
    nothing: Seen
    columns: tuple[Column, ...] = ()
    uses: frozenset[str] = frozenset()
    volatile: frozenset[str] = frozenset()
    verbs: tuple[Verb[Any, Any], ...] = ()
    unasked: Callable[[Spec], bool] = lambda _: False
    claim: Callable[[Want[Spec]], Claim | None] = lambda _: None
    stands: Callable[[Want[Spec], Seen], bytes] | None = None
    mishap: Callable[[Want[Spec], Seen], str] = lambda _want, _seen: ""
    spares: Callable[[Want[Spec]], Iterable[Ref]] = lambda _: ()


AnyKind = Kind[Any, Any, Any]
