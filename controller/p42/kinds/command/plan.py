"""Plan of a Command: tests first, then the file; never over what is not ours. Pure.

    nothing there       [StartTests]  Claim  [PlaceInstaller]  WriteFile
    edited, replaced    [SetAside]  WriteFile         a directory is kept, all else overwritten
    mode changed        SetMode
    not ours            Conflict; adopted:  SetAside  Claim  WriteFile; or Claim, if it is the same
    gone                RemoveFile  Unclaim           a file without our marker stays
    a prompt            promptplan.py: forged first, into a lock; then as any other, once approved

What was set aside and not claimed yet is simply absent after a crash; the other way round it would
be taken for ours and lost.
"""

from __future__ import annotations

from dataclasses import replace

from p42.kinds.command import promptplan
from p42.kinds.command.pinned import meant
from p42.kinds.command.runs import executes, forged, told
from p42.kinds.command.seen import (
    MODE,
    Agree,
    Claim,
    Mark,
    Pin,
    PlaceInstaller,
    RemoveFile,
    Seen,
    SetAside,
    SetMode,
    Sign,
    StartCheck,
    StartForge,
    StartTests,
    Step,
    Trial,
    Unclaim,
    WriteFile,
)
from p42.kinds.command.spec import Command
from p42.kinds.command.trial import AGAIN, unheld, unrun
from p42.model.kind import Want
from p42.model.plan import Instant, Outcome, Plan
from p42.model.resource import Annotation
from p42.model.status import Status, in_progress, reconciled


def plan(want: Want[Command] | None, seen: Seen, now: Instant) -> Plan[Step]:
    """What has to be done."""
    if want is None:
        return _gone(seen)
    if want.spec.prompt is None:
        return _made_so(want, seen, now)
    real = meant(want)
    if real is not None and not seen.stage:
        made = _made_so(real, seen, now)
        return promptplan.held(want, seen, made, executes=executes(want))
    way = _in_the_way(want, seen)
    return Plan((), way) if way is not None else promptplan.forging(want, seen, now)


def _made_so(want: Want[Command], seen: Seen, now: Instant) -> Plan[Step]:
    """The plan of a command that has a script."""
    data = forged(want)
    if data is None:
        raise ValueError("a command without a script")
    blocked = _in_the_way(want, seen) or _without(want, seen)
    if blocked is not None:
        return Plan((), blocked)
    if seen.trial == "failed" and (due := unrun(seen.result)):
        if now < due:
            return Plan((), _untested(seen), AGAIN)
        seen = replace(seen, trial="unknown")
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
            return replace(seen, trial="running", work=work, verdict="", result=b"")
        case StartForge(work):
            return replace(seen, trial="running", work=work, verdict="", result=b"", stage="ask")
        case StartCheck(work):
            return replace(seen, trial="running", work=work, verdict="", stage="check")
        case Mark():
            return replace(seen, machine=True)
        case Agree():
            _legal(seen.vouched, "nobody vouches for it")
            return replace(seen, approved=True)
        case Pin(data, was) | Sign(data, was):
            _legal(seen.lock == was, "another lock is there by now")
            return replace(seen, lock=data)
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
    """How the tests, or the forging, ended."""
    if seen.trial != "running" or outcome.work not in ("", seen.work):
        return seen
    trial: Trial = "passed" if outcome.ok else "failed"
    result = seen.result if seen.stage == "check" else outcome.result
    return replace(seen, trial=trial, verdict=outcome.detail, result=result)


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
    """What it cannot be forged without: a known language, a sandbox that can be kept to, its
    interpreter, what the tests need.
    """
    fault = told(want).fault or unheld(want.spec)
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


def _untested(seen: Seen) -> Status:
    return Status(
        "False", "Blocked", message=f"its tests could not be run: {seen.verdict}",
        template="its tests could not be run",
    )  # fmt: skip
