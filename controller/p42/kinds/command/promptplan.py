"""Plan of a prompt: forged once into its lock; run when that was read, and approved. Pure.

    no lock for it      Mark  StartForge  ...  StartCheck  ...  Pin     the old command stays
    its answer fails    StartForge, with what was wrong, a bounded number of times
    in its lock         waits for approval; then  Mark  [Agree]  and as any command
    approved            Sign                              for whoever gets the lock by git

A lock that was just written counts when it comes in with the manifest, past trust and approval.
"""

from __future__ import annotations

from dataclasses import replace

from p42.kinds.command.asking import asked, version_of
from p42.kinds.command.forging import AGAIN_FIRST, failure_of
from p42.kinds.command.pinned import fits, locked, meant, spelled
from p42.kinds.command.seen import (
    Agree,
    Mark,
    Pin,
    Seen,
    Sign,
    StartCheck,
    StartForge,
    StartTests,
    Step,
)
from p42.kinds.command.spec import Command
from p42.model.approval import digest_of
from p42.model.kind import Want
from p42.model.plan import Instant, Plan
from p42.model.reasons import PASSING, REASONS, Mend
from p42.model.status import Status, in_progress
from p42.scripts.lock import Lock, left_out, name_of, parse, pinned, render, tests_digest
from p42.scripts.marker import made_of
from p42.scripts.reply import Unfit

UNTOLD = b"# what the model will answer\n"  # the lock of a dry run


def again(want: Want[Command]) -> str:
    """The lock's word that it shall be forged once more; "" = it has none."""
    try:
        lock = locked(want)
    except Unfit:
        return ""
    return lock.again if lock is not None else ""


def forging(want: Want[Command], seen: Seen, now: Instant) -> Plan[Step]:
    """What has to be done for a prompt that has no script yet."""
    file = name_of(want.ref.name)
    try:
        question = asked(want)
        for data in (want.files.get(file), seen.lock):
            parse(data or b"")
    except Unfit as error:
        text = str(error)
        told = text if text.startswith("agent/") else f"{file}: {text}; mend it, or delete it"
        return Plan((), _blocked(told))
    if seen.lock == UNTOLD:
        return Plan((), in_progress(f"what it answers is to be pinned in {file}"))
    if seen.lock is not None and fits(want.spec, seen.lock):
        if seen.lock != want.files.get(file):
            return Plan((), in_progress(f"{file} was written and is being read"))
        if meant(want) is None:
            told = f"{file}: its tests are none that a command can have; mend it, or delete it"
            return Plan((), _blocked(told))
    if seen.interpreter and want.spec.language is not None:
        told = f"it is to be run by {seen.interpreter}, which is not installed; install it"
        return Plan((), _blocked(told))
    marked = () if seen.machine else (Mark(),)
    whom = f"agent/{question.name}" if question.name else question.prompt.model or "a model"
    start = StartForge(seen.work, whom)
    match seen.stage, seen.trial:
        case "check", "unknown":
            return Plan((*marked, StartCheck(seen.work)), in_progress("its answer is to be tried"))
        case "check", "running":
            return Plan((), in_progress("its answer is being tried"), in_flight=True)
        case _, "running":
            told = f"{whom} is asked for a script"
            told = f"{told}; {seen.mishap}" if seen.mishap else told
            return Plan((), in_progress(told), in_flight=True)
        case _, "passed":
            return Plan((*marked, _pin(want, seen)), in_progress("to be pinned"))
        case "check", "failed":
            return Plan((), _failed(want, seen, "TestsFailed"))
        case _, "failed":
            failure = failure_of(seen.result)
            if failure.again and now >= failure.again:
                return Plan((*marked, start), in_progress("to be forged"))
            if failure.again:
                return Plan((), _put_off(seen, failure.reason), AGAIN_FIRST)
            return Plan((), _failed(want, seen, failure.reason))
    return Plan((*marked, start), in_progress("to be forged"))


def held(want: Want[Command], seen: Seen, made: Plan[Step], *, executes: bytes) -> Plan[Step]:
    """`made`, the plan of what is in the lock, as far as it was agreed to."""
    if not (seen.approved or seen.vouched or want.spec.approve == "auto"):
        return Plan((), _unapproved(want, seen))  # no step: nothing of it counts as let through
    if made.status.reason == "TestsFailed":
        return replace(made, status=_asks_again(want, made.status))
    steps: list[Step] = [] if seen.machine else [Mark()]
    if seen.vouched and not seen.approved:
        steps.append(Agree())
    steps += made.steps
    if seen.approved and _gets_there(made):
        steps += _signature(want, seen, digest_of(executes))
    if not steps or made.status.ready != "True":
        return replace(made, steps=tuple(steps), in_flight=made.in_flight and not steps)
    return Plan(tuple(steps), in_progress("its approval is to be written down"))


def _gets_there(made: Plan[Step]) -> bool:
    """Whether the command is as it should be, or will be by these steps alone."""
    if made.steps:
        return not isinstance(made.steps[-1], StartTests)
    return made.status.ready == "True"


def _signature(want: Want[Command], seen: Seen, digest: str) -> tuple[Step, ...]:
    """The approval goes into the lock, if that is the one which was read."""
    file = name_of(want.ref.name)
    data = want.files[file]
    lock = parse(data)
    if seen.lock != data or lock.current is None or lock.current.approved == digest:
        return ()
    declared = spelled(want.spec.tests)
    passed = lock.current.declared if lock.holds_tests == tests_digest(declared) else declared
    current = replace(lock.current, approved=digest, declared=passed)
    return (Sign(render(want.ref.name, replace(lock, current=current)), data),)


def _pin(want: Want[Command], seen: Seen) -> Pin:
    """Puts what the model answered on top of what is in the lock."""
    version = version_of(seen.result)
    if version is None:
        return Pin(UNTOLD, seen.lock)
    version = replace(version, declared=spelled(want.spec.tests))
    before = parse(seen.lock) if seen.lock is not None else None
    lock = pinned(before, version, ran=before is not None and _ran(want, seen, before))
    data = render(want.ref.name, lock)
    return Pin(data, seen.lock, left_out(lock, data))


def _ran(want: Want[Command], seen: Seen, lock: Lock) -> bool:
    """Whether the version in the lock was ever in force, here or where the lock comes from."""
    version, spec = lock.current, want.spec
    if version is None or version.approved:
        return version is not None
    if lock.fits(spec.prompt or "", spec.language):
        return False  # it is replaced for its own prompt, and nobody asked for that: it failed
    if seen.form == "file" and seen.ours:
        return made_of(seen.data, version.source.encode())
    return spec.approve == "auto"  # nothing is signed then, and nothing here tells


def _unapproved(want: Want[Command], seen: Seen) -> Status:
    text = f"a model wrote it; p42 approve command/{want.ref.name} shows it"
    told = f"{text}; {seen.mishap}" if seen.mishap else ""
    return Status("False", "NeedsApproval", message=told, template=text)


def _asks_again(want: Want[Command], failed: Status) -> Status:
    more = f"; p42 forge command/{want.ref.name} asks the model once more"
    return replace(failed, message=failed.message + more, template=failed.template + more)


def _old(seen: Seen) -> str:
    return "; the old version stays" if seen.form == "file" and seen.ours else ""


def _put_off(seen: Seen, reason: str) -> Status:
    """What time mends, or a person elsewhere: nothing is wrong with the prompt."""
    passing = reason in PASSING or REASONS[reason].mend is Mend.TIME
    tail = f"it is forged once that {'has passed' if passing else 'is mended'}"
    return Status(
        "False", reason, message=f"{seen.verdict}{_old(seen)}; {tail}",
        template=f"its prompt could not be forged yet; {tail}",
    )  # fmt: skip


def _failed(want: Want[Command], seen: Seen, reason: str) -> Status:
    retry = f"change the prompt, or: p42 forge command/{want.ref.name}"
    return Status(
        "False", reason, message=f"{seen.verdict}{_old(seen)}; {retry}",
        template=f"its prompt could not be forged; {retry}",
    )  # fmt: skip


def _blocked(text: str) -> Status:
    return Status("False", "Blocked", message=text, template=text)
