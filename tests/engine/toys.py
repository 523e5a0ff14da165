"""Two toy kinds on real files: a Pot is a directory, a Note a file in a pot or beside them.

Both keep the laws, so that what a test finds wrong is the engine's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from p42.model.approval import digest_of
from p42.model.errors import Blocked
from p42.model.kind import Claim, Driver, Kind, Want
from p42.model.plan import Instant, Outcome, Plan
from p42.model.ports import World
from p42.model.refs import Ref
from p42.model.status import Facts, Status, in_progress, reconciled

MARK = "#p42\n"


class NoteSpec(BaseModel):
    """`pot` falls to the default pot; `mood` makes the plan say what a test wants.

    `vow`: a machine made it, and its file `lock` says that this text was agreed to; `-` = no text.
    `made`: as it stands it can do without its pot.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    text: str = ""
    pot: str | None = Field(default=None, json_schema_extra={"x-p42-default-of": "Pot"})
    slow: str = ""
    auto: bool = False
    vow: str = ""
    made: bool = False


class PotSpec(BaseModel):
    """A pot whose `needs` names another stands inside it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    default: bool = False
    key: str = ""
    inside: str | None = None


@dataclass(frozen=True)
class Seen:
    """What stands at the path; None = nothing. `work` is done for notes that are slow."""

    content: str | None = None
    done: str = ""
    running: str = ""


@dataclass(frozen=True)
class Write:
    """Write the file."""

    content: str

    @property
    def detail(self) -> str:
        return f"write {len(self.content)} characters"


@dataclass(frozen=True)
class StartWork:
    """Begin what takes long."""

    work: str

    @property
    def detail(self) -> str:
        return f"start {self.work}"


@dataclass(frozen=True)
class Remove:
    """Remove the file or directory."""

    @property
    def detail(self) -> str:
        return "remove"


@dataclass(frozen=True)
class Make:
    """Make the directory."""

    @property
    def detail(self) -> str:
        return "make"


def plan_note(want: Want[NoteSpec] | None, seen: Seen, now: Instant) -> Plan[Any]:
    if want is None:
        ours = seen.content is not None and seen.content.startswith(MARK)
        return Plan((Remove(),) if ours else (), Status("Unknown", "Deleting"))
    content = MARK + want.spec.text
    if seen.content == content:
        return Plan((), reconciled(facts={"length": len(want.spec.text)}))
    foreign = seen.content is not None and not seen.content.startswith(MARK)
    if foreign and want.annotations.get("p42.dev/adopt") != "true":
        return Plan((), Status("False", "Conflict", template="not ours"))
    if want.spec.slow and seen.done != want.spec.slow:
        if seen.running == want.spec.slow:
            return Plan((), in_progress("working"), again=1.0, in_flight=True)
        return Plan((StartWork(want.spec.slow),), in_progress("starting"))
    return Plan((Write(content),), in_progress("writing"))


def plan_pot(want: Want[PotSpec] | None, seen: Seen, now: Instant) -> Plan[Any]:
    if want is None:
        gone = seen.content is None
        return Plan(() if gone else (Remove(),), Status("Unknown", "Deleting"))
    if want.spec.key == "missing":
        return Plan((), Status("False", "KeyMissing", template="no key"))
    if seen.content is None:
        return Plan((Make(),), in_progress("making"))
    if want.spec.key == "down":
        return Plan((), Status("False", "ProviderDown", message="nobody answers"))
    return Plan((), reconciled())


def predict(seen: Seen, step: Any) -> Seen:
    match step:
        case Write(content):
            return replace(seen, content=content)
        case StartWork(work):
            return replace(seen, running=work)
        case Make():
            return replace(seen, content="")
        case Remove():
            return replace(seen, content=None)
    raise ValueError(step)


def finish(seen: Seen, outcome: Outcome) -> Seen:
    return replace(seen, running="", done=seen.running) if outcome.ok else replace(seen, running="")


@dataclass
class Land:
    """Where the toys live: the reality of a test, and the faults it plans."""

    root: Path
    acts: list[tuple[str, str]] = field(default_factory=list)  # (ref, step)
    running: set[Ref] = field(default_factory=set)
    overlaps: int = 0
    works: dict[tuple[Ref, str], float] = field(default_factory=dict)  # -> loop time of the start
    fault: Callable[[str, Ref], Exception | None] = lambda place, ref: None
    around: Callable[[], None] = lambda: None  # called before and after every effect
    wake: dict[str, Callable[[Ref | None], None]] = field(default_factory=dict)
    slowness: float = 0.0  # s that an act takes

    def path(self, ref: Ref, want: Want[Any] | None) -> Path:
        return self.root / ref.kind / ref.name


class Toy:
    """The driver of both kinds."""

    def __init__(self, land: Land) -> None:
        self._land = land

    async def observe(self, ref: Ref, want: Want[Any] | None) -> Seen:
        self._fail("observe", ref)
        path = self._land.path(ref, want)
        done = running = ""
        slow = getattr(want.spec, "slow", "") if want else ""
        if (ref, slow) in self._land.works:
            late = asyncio.get_running_loop().time() - self._land.works[ref, slow] >= 3.0
            done, running = (slow, "") if late else ("", slow)
        if path.is_dir():
            return Seen("", done, running)
        return Seen(path.read_text() if path.exists() else None, done, running)

    async def act(self, ref: Ref, want: Want[Any] | None, step: Any) -> None:
        land = self._land
        land.overlaps += ref in land.running
        land.running.add(ref)
        try:
            self._fail("act", ref)
            await asyncio.sleep(land.slowness)
            land.around()
            self._do(ref, land.path(ref, want), step)
            land.acts.append((str(ref), type(step).__name__))
            land.around()
        finally:
            land.running.discard(ref)

    async def watch(self, wake: Callable[[Ref | None], None]) -> None:
        self._land.wake["any"] = wake

    def _do(self, ref: Ref, path: Path, step: Any) -> None:
        match step:
            case Write(content):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
            case StartWork(work):
                self._land.works[ref, work] = asyncio.get_running_loop().time()
            case Make():
                path.mkdir(parents=True, exist_ok=True)
            case Remove():
                if path.is_dir():
                    path.rmdir()
                else:
                    path.unlink(missing_ok=True)

    def _fail(self, place: str, ref: Ref) -> None:
        if error := self._land.fault(place, ref):
            raise error


def needs_of_note(spec: NoteSpec) -> Iterable[Ref]:
    return [Ref("Pot", spec.pot)] if spec.pot else []


def needs_of_pot(spec: PotSpec) -> Iterable[Ref]:
    return [Ref("Pot", spec.inside)] if spec.inside else []


def claim_of(want: Want[NoteSpec]) -> Claim | None:
    vow = want.spec.vow
    return Claim("lock", "" if vow == "-" else digest_of(vow.encode())) if vow else None


def publish(want: Want[Any], seen: Seen) -> Facts:
    return {"key": getattr(want.spec, "key", "")}


def kinds(land: Land) -> dict[str, Kind[Any, Any, Any]]:
    """The two kinds, living in `land`."""

    def driver(world: World) -> Driver[Any, Any, Any]:
        return Toy(land)

    common: dict[str, Any] = {
        "predict": predict, "finish": finish, "publish": publish, "driver": driver,
        "nothing": Seen(),
    }  # fmt: skip
    note = Kind(
        name="Note", plural="notes", short="nt", spec=NoteSpec, plan=plan_note,
        needs=needs_of_note, executes=lambda want: want.spec.text.encode(),
        unasked=lambda spec: spec.auto, claim=claim_of,
        spares=lambda want: needs_of_note(want.spec) if want.spec.made else (), **common,
    )  # fmt: skip
    pot = Kind(
        name="Pot", plural="pots", short="pt", spec=PotSpec, plan=plan_pot,
        needs=needs_of_pot, executes=lambda want: want.spec.key.encode(), **common,
    )  # fmt: skip
    return {"Note": note, "Pot": pot}


def blocked(reason: str = "Blocked") -> Blocked:
    """What a driver raises for the user to mend."""
    return Blocked("the disk is full of cats", reason=reason, template="cats")
