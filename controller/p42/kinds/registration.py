"""Registration: the frame of kinds whose reality is a row in the registry.

Such a kind says what it publishes and which key references have to lead somewhere; how a row comes,
changes and goes is the same for all of them and stands here. Pure but for the driver.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

from p42.kinds.fields import KEY_PATTERN, Part
from p42.model.completion import Health
from p42.model.kind import Column, Kind, Want
from p42.model.plan import Instant, Outcome, Plan
from p42.model.ports import Files, Registration, World
from p42.model.reasons import PASSING, Mend, mend_of
from p42.model.refs import Ref
from p42.model.secret import Keys
from p42.model.status import Facts, Ready, Status, in_progress, reconciled

SpecT = TypeVar("SpecT", bound=Part)
KeyState = Literal["present", "missing", "locked"]

_REFERENCE = re.compile(KEY_PATTERN)
KEYS_AGAIN = 60.0  # s; nobody tells us when a variable's file or a keychain changes
NOTHING_KNOWN = Health()
PASSES_IN = 10.0  # s; a rest that is over, or a provider that answers again, is seen by then


@dataclass(frozen=True, slots=True)
class Seen:
    """The row under the name, None without one, and the state of each key reference.

    `health`: what is known beyond that of a kind that `asks` or `looks`.
    """

    row: Registration | None = None
    keys: Mapping[str, KeyState] = field(default_factory=dict)
    health: Health = NOTHING_KNOWN


@dataclass(frozen=True, slots=True)
class Register:
    """Write the row."""

    registration: Registration
    changed: bool = False

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "changed" if self.changed else "new"


@dataclass(frozen=True, slots=True)
class Deregister:
    """Drop the row."""

    @property
    def detail(self) -> str:
        """What changes, for `diff`."""
        return "the manifest is gone"


Step = Register | Deregister


@dataclass(frozen=True, slots=True)
class Shape(Generic[SpecT]):
    """What tells one registered kind from another.

    `facts` is what the row holds and others may see; never a secret. `keys` are the references that
    have to lead to something. `settled` goes into the manifest's status. `refuse` may find that the
    spec cannot be served here. `lost` is the reason where a reference leads nowhere. `asks`: its
    health is asked of the models, and followed. `looks`: its health is looked for among the files,
    and again every so often while it is not well.
    """

    facts: Callable[[Want[SpecT]], Facts]
    keys: Callable[[SpecT], Iterable[str]] | None = None
    settled: Callable[[SpecT], Facts] = lambda _: {}
    refuse: Callable[[SpecT], Status | None] = lambda _: None
    lost: Literal["KeyMissing", "Blocked"] = "KeyMissing"
    asks: bool = False
    looks: Callable[[Files, SpecT], Health] | None = None

    def kind(
        self,
        words: tuple[str, str, str],
        spec: type[SpecT],
        *,
        needs: Callable[[SpecT], Iterable[Ref]],
        columns: tuple[Column, ...],
        executes: Callable[[Want[SpecT]], bytes] = lambda _: b"",
    ) -> Kind[SpecT, Seen, Step]:
        """The whole record of a registered kind. `words`: name, plural, short name."""
        name, plural, short = words
        ports = (
            {"registry"} | ({"keys"} if self.keys else set()) | ({"models"} if self.asks else set())
            | ({"files"} if self.looks else set())
        )  # fmt: skip
        return Kind(
            name=name, plural=plural, short=short, spec=spec, columns=columns,
            plan=self.plan, predict=predict, finish=finish, needs=needs, executes=executes,
            publish=publish, driver=lambda world: Driver(world, self), nothing=Seen(),
            uses=frozenset(ports), volatile=frozenset({"keys", "health"}),
        )  # fmt: skip

    def registration(self, want: Want[SpecT]) -> Registration:
        """The row that `want` asks for. The digest covers the spec, its files and the facts."""
        facts = self.facts(want)
        spec = want.spec.model_dump(mode="json", by_alias=True)
        files = {name: hashlib.sha256(data).hexdigest() for name, data in want.files.items()}
        text = json.dumps([spec, files, facts], sort_keys=True, separators=(",", ":"))
        return Registration(hashlib.sha256(text.encode()).hexdigest()[:16], facts)

    def plan(self, want: Want[SpecT] | None, seen: Seen, _now: Instant) -> Plan[Step]:
        """Register what is wanted, deregister what is not; a key that is missing holds it up."""
        if want is None:
            if seen.row is None:
                return Plan((), reconciled())
            return Plan((Deregister(),), Status("Unknown", "Deleting"))
        row = self.registration(want)
        status = self._status(want.spec, seen)
        again = KEYS_AGAIN if seen.keys or (self.looks and seen.health.reason) else None
        if seen.health.reason and _passes(seen.health.reason):
            again = PASSES_IN
        if seen.row == row:
            return Plan((), status, again)
        step = Register(row, changed=seen.row is not None)
        if status.ready == "True":
            status = in_progress("to be registered")
        return Plan((step,), status, again)

    def _status(self, spec: SpecT, seen: Seen) -> Status:
        return (
            self.refuse(spec)
            or _about_keys(seen.keys, self.lost)
            or _about_health(seen.health)
            or reconciled(facts=self.settled(spec))
        )


def predict(seen: Seen, step: Step) -> Seen:
    """What is there after `step`. Refuses to drop what is not there."""
    match step:
        case Register(registration):
            return replace(seen, row=registration)
        case Deregister():
            if seen.row is None:
                raise ValueError("nothing is registered")
            return replace(seen, row=None)


def finish(seen: Seen, _outcome: Outcome) -> Seen:
    """Registered kinds have no work in flight."""
    return seen


def publish(_want: Want[Any], seen: Seen) -> Facts:
    """What the row tells others."""
    return seen.row.facts if seen.row else {}


class Driver(Generic[SpecT]):
    """Observes and writes rows. A row changes only through here; health by itself."""

    def __init__(self, world: World, shape: Shape[SpecT]) -> None:
        self._world, self._shape = world, shape

    async def observe(self, ref: Ref, want: Want[SpecT] | None) -> Seen:
        """The row and where the keys lead."""
        row = self._world.registry.get(ref)
        keys = self._shape.keys
        references = sorted(set(keys(want.spec))) if want and keys else []
        states = await _states(self._world.keys, references) if references else {}
        if want is not None and self._shape.looks is not None:
            return Seen(row, states, self._shape.looks(self._world.files, want.spec))
        if want is None or not self._shape.asks or set(states.values()) - {"present"}:
            return Seen(row, states)
        spec = want.spec.model_dump(mode="json", by_alias=True)
        return Seen(row, states, await self._world.models.health(ref, spec))

    async def act(self, ref: Ref, _want: Want[SpecT] | None, step: Step) -> None:
        """Write or drop the row; on disk when it returns."""
        match step:
            case Register(registration):
                await self._world.registry.put(ref, registration)
            case Deregister():
                await self._world.registry.drop(ref)

    async def watch(self, wake: Callable[[Ref | None], None]) -> None:
        """Nothing changes a row behind our back; health changes as the models are asked."""
        if not self._shape.asks:
            return
        following: Any = self._world.models.follow()
        async with aclosing(following) as changes:
            async for ref in changes:
                wake(ref)


async def _states(keys: Keys, references: Iterable[str]) -> dict[str, KeyState]:
    return {reference: await keys.state(reference) for reference in references}


def _about_keys(keys: Mapping[str, KeyState], lost: str) -> Status | None:
    """The status that the first reference which leads nowhere asks for. Names it, never a value."""
    for reference, state in sorted(keys.items()):
        if state == "missing":
            return Status("False", lost, template=f"{reference} leads to nothing; set it there")
        if state == "locked":
            text = f"{reference} is in a keychain that is locked; unlock it"
            return Status("False", "KeyLocked", template=text)
    return None


def _about_health(health: Health) -> Status | None:
    """The status of a health that is worth telling of. A warning leaves it ready."""
    if not health.reason:
        return None
    ready: Ready = "True" if mend_of(health.reason) is Mend.READY else "False"
    if health.reason == "InProgress":
        ready = "Unknown"
    return Status(ready, health.reason, message=health.message, template=health.template)


def _passes(reason: str) -> bool:
    """Whether it may end without anybody's doing."""
    return reason in PASSING or mend_of(reason) is Mend.TIME


def references_in(value: Any) -> Iterator[str]:
    """Every text of a JSON value that wholly is an env:, keychain: or file: reference."""
    match value:
        case str():
            if _REFERENCE.search(value) and "\n" not in value:
                yield value
        case Mapping():
            for item in value.values():
                yield from references_in(item)
        case list() | tuple():
            for item in value:
                yield from references_in(item)
