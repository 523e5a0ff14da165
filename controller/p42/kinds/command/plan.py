"""Plan of a Command: tests first, then the file; never over what is not ours. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache

from p42.kinds.command.forge import forge, marked_name, source_of
from p42.kinds.command.seen import (
    MODE,
    Claim,
    PlaceInstaller,
    RemoveFile,
    Seen,
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

TOOLS_AGAIN = 60.0  # s; nobody tells us when a program is installed

_forge = lru_cache(maxsize=4096)(forge)  # by value: the same bytes for every look


def forged(want: Want[Command]) -> bytes | None:
    """The bytes that have to stand at the path; None for a prompt."""
    source = source_of(want.spec, want.files)
    return None if source is None else _forge(want.ref.name, _bare(want.spec), source)


def executes(want: Want[Command]) -> bytes:
    """What trust is about: the bytes that run, and the tests that run them."""
    data = forged(want) or (want.spec.prompt or "").encode()
    return data + _tests(want.spec)


def work_of(want: Want[Command]) -> str:
    """The id of the test run for these bytes and tests; "" when no tests are declared."""
    if not want.spec.tests:
        return ""
    return "tests-" + hashlib.sha256(executes(want)).hexdigest()[:24]


def plan(want: Want[Command] | None, seen: Seen, _now: Instant) -> Plan[Step]:
    """What has to be done."""
    if want is None:
        return _gone(seen)
    data = forged(want)
    if data is None:
        return Plan((), _prompt())
    blocked = _in_the_way(want, seen) or _missing(want, seen)
    if blocked is not None:
        return Plan((), blocked, TOOLS_AGAIN)
    return _steps(want, seen, data)


def predict(seen: Seen, step: Step) -> Seen:
    """What is there after `step`. ValueError for one that may not be done."""
    match step:
        case Claim():
            return replace(seen, claimed=True)
        case StartTests(work):
            return replace(seen, trial="running", work=work, verdict="")
        case PlaceInstaller():
            return replace(seen, installer=True)
        case WriteFile(data):
            if not seen.claimed or seen.form == "directory":
                raise ValueError("the path is not ours")
            name = marked_name(data)
            return replace(seen, form="file", mode=MODE, data=data, marked=bool(name))
        case SetMode():
            if seen.form != "file" or not seen.claimed:
                raise ValueError("there is no file of ours")
            return replace(seen, mode=MODE)
        case RemoveFile():
            if seen.form != "file" or not seen.marked:
                raise ValueError("only a file with our marker is removed")
            return replace(seen, form="absent", mode=0, data=b"", marked=False)
        case Unclaim():
            return replace(seen, claimed=False)


def finish(seen: Seen, outcome: Outcome) -> Seen:
    """How the tests ended."""
    if seen.trial != "running" or outcome.work != seen.work:
        return seen
    return replace(seen, trial="passed" if outcome.ok else "failed", verdict=outcome.detail)


def _steps(want: Want[Command], seen: Seen, data: bytes) -> Plan[Step]:
    if seen.trial == "failed":
        return Plan((), _failed(seen))
    if seen.trial == "running":
        return Plan((), in_progress("tests are running"), in_flight=True)
    steps: list[Step] = []
    foreign = seen.form != "absent" and not seen.ours
    if not seen.claimed:
        steps.append(Claim(adopted=foreign))
    if want.spec.dependencies and not seen.installer:
        steps.append(PlaceInstaller())
    if seen.trial == "unknown":
        steps.append(StartTests(work_of(want), len(want.spec.tests)))
        return Plan(tuple(steps), in_progress("tests are to be run"))
    if seen.form != "file" or seen.data != data:
        why = "new" if seen.form == "absent" else "adopted" if foreign else "changed"
        steps.append(WriteFile(data, why, keep=foreign))  # type: ignore[arg-type]
    elif seen.mode != MODE:
        steps.append(SetMode(seen.mode))
    if steps:
        return Plan(tuple(steps), in_progress("to be forged"))
    return Plan((), _ready(want, seen), TOOLS_AGAIN if seen.missing else None)


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
    adopted = want.annotations.get(Annotation.ADOPT) == "true"
    name = want.ref.name
    if seen.form in ("directory", "other"):
        return Status(
            "False", "Conflict",
            template=f"commands/{name} is no plain file; move it out of the way",
        )  # fmt: skip
    if seen.form != "absent" and not seen.ours and not adopted:
        return Status(
            "False", "Conflict",
            template=f"commands/{name} was not made by p42; move it, or adopt it with the "
            f'annotation {Annotation.ADOPT}: "true" (a copy is kept)',
        )  # fmt: skip
    if seen.rival and not seen.ours and not adopted:
        return Status(
            "False", "Conflict",
            message=f"{name} would hide {seen.rival}; choose another name, or say that it is "
            f'meant with the annotation {Annotation.ADOPT}: "true"',
            template=f"{name} would hide a program of that name",
        )  # fmt: skip
    return None


def _missing(want: Want[Command], seen: Seen) -> Status | None:
    """What cannot be worked without: the interpreter, and for tests the dependencies."""
    if seen.interpreter:
        return Status(
            "False", "Blocked",
            template=f"{seen.interpreter} is not installed, and {want.ref.name} is written for it",
        )  # fmt: skip
    if seen.missing and seen.trial == "unknown":
        return Status(
            "False", "Blocked",
            template=f"its tests need {', '.join(seen.missing)}; install with: p42 deps --install",
        )  # fmt: skip
    return None


def _ready(want: Want[Command], seen: Seen) -> Status:
    notes = []
    if seen.missing:
        notes.append(f"needs {', '.join(seen.missing)}, not installed: p42 deps --install")
    if seen.rival:
        notes.append(f"hides {seen.rival}")
    live = {"path": f"commands/{want.ref.name}"}
    return reconciled(message="; ".join(notes), live=live)


def _failed(seen: Seen) -> Status:
    old = "; the old version stays" if seen.form == "file" else ""
    return Status(
        "False", "TestsFailed", message=f"{seen.verdict}{old}", template="its tests failed"
    )


def _prompt() -> Status:
    return Status(
        "False", "Blocked",
        template="this version of p42 cannot write a command from a prompt; give it a source",
    )  # fmt: skip


def _bare(spec: Command) -> Command:
    """What the bytes depend on, as a key that can be hashed."""
    return Command(
        source_file=spec.source_file,
        language=spec.language,
        description=spec.description,
        dependencies=spec.dependencies,
    )


def _tests(spec: Command) -> bytes:
    return "\n".join(test.model_dump_json() for test in spec.tests).encode()
