"""Plan of a Command: tests first, then the file; never over what is not ours. Pure.

    nothing there       [StartTests]  Claim  [PlaceInstaller]  WriteFile
    edited, replaced    [SetAside]  WriteFile         a directory is kept, all else overwritten
    mode changed        SetMode
    not ours            Conflict; adopted:  SetAside  Claim  WriteFile; or Claim, if it is the same
    gone                RemoveFile  Unclaim           a file without our marker stays

What was set aside and not claimed yet is simply absent after a crash; the other way round it would
be taken for ours and lost.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache

from p42.kinds.command.forge import forge, source_of
from p42.kinds.command.language import Spoken, spoken
from p42.kinds.command.seen import (
    MODE,
    Claim,
    PlaceInstaller,
    RemoveFile,
    Seen,
    SetAside,
    SetMode,
    StartTests,
    Step,
    Unclaim,
    WriteFile,
)
from p42.kinds.command.spec import Command
from p42.model.kind import Want
from p42.model.plan import Instant, Outcome, Plan
from p42.model.resource import Annotation
from p42.model.status import Status, in_progress, reconciled


class _Same:
    """A spec as a key: the engine makes one per change, so the same object is the same spec."""

    __slots__ = ("spec",)

    def __init__(self, spec: Command) -> None:
        self.spec = spec

    def __hash__(self) -> int:
        return id(self.spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.spec is self.spec


@lru_cache(maxsize=4096)  # every look asks for the same bytes again
def _forge(name: str, same: _Same, source: bytes) -> bytes:
    return forge(name, same.spec, source)


def forged(want: Want[Command]) -> bytes | None:
    """The bytes that have to stand at the path; None for a prompt."""
    source = source_of(want.spec, want.files)
    return None if source is None else _forge(want.ref.name, _Same(want.spec), source)


def told(want: Want[Command]) -> Spoken:
    """Language and interpreter."""
    return spoken(want.spec, source_of(want.spec, want.files) or b"")


def executes(want: Want[Command]) -> bytes:
    """What trust is about: the bytes that run, and the tests that run them."""
    data = forged(want) or (want.spec.prompt or "").encode()
    return data + b"".join(test.model_dump_json().encode() for test in want.spec.tests)


def work_of(want: Want[Command]) -> str:
    """The id of the test run for these bytes and tests; "" when there is nothing to run."""
    if not want.spec.tests or want.spec.prompt is not None:
        return ""
    return "tests-" + hashlib.sha256(executes(want)).hexdigest()[:24]


def plan(want: Want[Command] | None, seen: Seen, _now: Instant) -> Plan[Step]:
    """What has to be done."""
    if want is None:
        return _gone(seen)
    data = forged(want)
    if data is None:
        return Plan((), _blocked("forging from a prompt is not there yet; give it a source"))
    blocked = _in_the_way(want, seen) or _without(want, seen)
    if blocked is not None:
        return Plan((), blocked)
    if seen.trial == "failed":
        return Plan((), _failed(seen))
    if seen.trial == "running":
        return Plan((), in_progress("tests are running"), in_flight=True)
    steps = _steps(want, seen, data)
    if steps:
        doing = "tests are to be run" if seen.trial == "unknown" else "to be forged"
        return Plan(steps, in_progress(doing))
    return Plan((), _ready(want, seen))


def predict(seen: Seen, step: Step) -> Seen:
    """What is there after `step`. ValueError for one that may not be done."""
    match step:
        case StartTests(work):
            return replace(seen, trial="running", work=work, verdict="")
        case SetAside():
            _legal(seen.form != "absent", "nothing is there to set aside")
            return replace(seen, form="absent", mode=0, data=b"", marked=False)
        case Claim():
            _legal(not seen.foreign or step.as_it_is, "what is not ours is set aside first")
            return replace(seen, claimed=True, marked=seen.marked or step.as_it_is)
        case PlaceInstaller():
            return replace(seen, installer=True)
        case WriteFile(data):
            _legal(seen.claimed and seen.form != "directory", "the path is not ours")
            return replace(seen, form="file", mode=MODE, data=data, marked=True)
        case SetMode():
            _legal(seen.claimed and seen.form == "file", "there is no file of ours")
            return replace(seen, mode=MODE)
        case RemoveFile():
            _legal(seen.form == "file" and seen.marked, "only a file with our marker is removed")
            return replace(seen, form="absent", mode=0, data=b"", marked=False)
        case Unclaim():
            return replace(seen, claimed=False)


def finish(seen: Seen, outcome: Outcome) -> Seen:
    """How the tests ended."""
    if seen.trial != "running" or outcome.work not in ("", seen.work):
        return seen
    return replace(seen, trial="passed" if outcome.ok else "failed", verdict=outcome.detail)


def _legal(holds: bool, why: str) -> None:
    if not holds:
        raise ValueError(why)


def _steps(want: Want[Command], seen: Seen, data: bytes) -> tuple[Step, ...]:
    if seen.trial == "unknown":
        return (StartTests(seen.work, len(want.spec.tests)),)
    steps: list[Step] = []
    same = seen.form == "file" and seen.data == data
    if (seen.foreign and not same) or seen.form == "directory":
        steps.append(SetAside(seen.form))
    if not seen.claimed:
        steps.append(Claim(adopted=seen.foreign, as_it_is=seen.foreign and same))
    if want.spec.dependencies and not seen.installer:
        steps.append(PlaceInstaller())
    if not same:
        steps.append(WriteFile(data, "new" if seen.form == "absent" else "changed"))
    elif seen.mode != MODE:
        steps.append(SetMode(seen.mode))
    return tuple(steps)


def _gone(seen: Seen) -> Plan[Step]:
    """A file that lost our marker is somebody's own by now: it stays, only the claim goes."""
    steps: list[Step] = []
    if seen.form == "file" and seen.marked:
        steps.append(RemoveFile())
    if seen.claimed:
        steps.append(Unclaim())
    return Plan(tuple(steps), Status("Unknown", "Deleting") if steps else reconciled())


def _in_the_way(want: Want[Command], seen: Seen) -> Status | None:
    """Something that is not ours, or a name that already means something."""
    if seen.ours or want.annotations.get(Annotation.ADOPT) == "true":
        return None
    name, adopt = want.ref.name, f'the annotation {Annotation.ADOPT}: "true"'
    if seen.form != "absent":
        text = (
            f"commands/{name} is there and p42 did not make it; move it away, or let it be "
            f"replaced with {adopt} (a copy is kept)"
        )
        return Status("False", "Conflict", template=text)
    if seen.rival:
        meant = f"choose another name, or say that it is meant with {adopt}"
        return Status(
            "False", "Conflict",
            message=f"{name} would hide {seen.rival}; {meant}",
            template=f"{name} would hide a program of that name; {meant}",
        )  # fmt: skip
    return None


def _without(want: Want[Command], seen: Seen) -> Status | None:
    """What it cannot be forged without: a known language, its interpreter, what the tests need."""
    fault = told(want).fault
    if fault:
        return _blocked(fault)
    if seen.interpreter:
        return _blocked(f"it is run by {seen.interpreter}, which is not installed; install it")
    if seen.missing and seen.trial == "unknown":
        return _blocked(f"its tests need {', '.join(seen.missing)}; `p42 deps --install`")
    return None


def _blocked(text: str) -> Status:
    return Status("False", "Blocked", template=text)


def _ready(want: Want[Command], seen: Seen) -> Status:
    notes = []
    if seen.missing:
        notes.append(f"needs {', '.join(seen.missing)}, not installed; `p42 deps --install`")
    if seen.rival:
        notes.append(f"hides {seen.rival}")
    live = {
        "path": f"commands/{want.ref.name}",
        "language": told(want).language,
        "missing": list(seen.missing),
    }
    return reconciled(message="; ".join(notes), live=live)


def _failed(seen: Seen) -> Status:
    old = "; the old version stays" if seen.form == "file" and seen.ours else ""
    return Status(
        "False", "TestsFailed", message=f"{seen.verdict}{old}", template="its tests failed"
    )
