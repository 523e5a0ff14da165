"""Attempts: how far the forging of a prompt has come, told by the works that were committed.

    ask -> answer -> a command? -> read and tested -> good: into the lock
                          |               |
                          not good: ask again, with what was wrong, up to MOST answers in all

An answer is committed by its asking, whatever it is, and what came of trying it by its trial; the
id of the next asking is made of both. So a crash anywhere repeats at most a trial, and never pays
twice for an answer that came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from p42.kinds.command import asking, trial
from p42.kinds.command.asking import Failed
from p42.kinds.command.forging import unfit_of
from p42.kinds.command.pinned import meant
from p42.kinds.command.runs import executes
from p42.kinds.command.seen import Stage, Trial
from p42.kinds.command.spec import Command, Sandbox, Test
from p42.model.kind import Want
from p42.model.plan import Outcome
from p42.model.ports import Work
from p42.scripts.lock import Lock, Version, name_of, render

MOST = 3  # answers, of whatever sort; each is paid for

Find = Callable[[str], Work | None]


@dataclass(frozen=True, slots=True)
class Check:
    """The trial of one answer. `tests` are () where they have to wait for a person's word; `later`
    is their run then.
    """

    work: str
    later: str
    version: Version
    real: Want[Command]  # as if it were in the lock
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last of the attempts: asking, trying (`check`), good (check passed), or over."""

    stage: Stage
    work: str
    trial: Trial
    outcome: Outcome | None = None
    failed: tuple[Failed, ...] = ()
    check: Check | None = None


def last(
    want: Want[Command], again: str, *, find: Find, installed: Callable[[str], bool]
) -> Attempt:
    """How it stands. `find` gives a work by its id; `again`: of the lock."""
    failed: tuple[Failed, ...] = ()
    while len(failed) < MOST:
        work = asking.work_of(want, again, failed)
        state, outcome = _how(find(work))
        if (said := unfit_of(outcome)) is not None and outcome is not None:
            failed = (*failed, Failed(None, outcome.detail, said))
            continue
        version = asking.version_of(outcome.result) if outcome and outcome.ok else None
        check = None if version is None else check_of(want, version, installed)
        if check is None:
            return Attempt("ask", work, state, outcome, failed)
        state, outcome = _tried(check, find)
        if state != "failed" or outcome is None:
            return Attempt("check", check.work, state, outcome, failed, check)
        tested = outcome.result != trial.UNTESTED
        failed = (*failed, Failed(check.version, outcome.detail, tested=tested))
    return Attempt("over", "", "failed", None, failed)


def mishap(failed: tuple[Failed, ...]) -> str:
    """That the last answer failed its tests, and the model is asked again; "" = it did not."""
    if not (failed and failed[-1].tested):
        return ""
    return f"tests failed: {failed[-1].problem}; asked again ({len(failed) + 1} of {MOST})"


def verdict(failed: tuple[Failed, ...]) -> str:
    """What came of so many answers, in a sentence."""
    made = [each for each in failed if each.version is not None]
    what = "scripts" if len(made) == len(failed) else "answers"
    none = "is good enough" if made else "is a command"
    return f"of {len(failed)} {what} none {none}; the last: {failed[-1].problem}"


def check_of(
    want: Want[Command], version: Version, installed: Callable[[str], bool]
) -> Check | None:
    """What `version` has to stand before it may be shown to anybody.

    It is only read, and tested once it was approved: nothing of a model's runs before. With
    `approve: auto` a person has agreed beforehand, and its tests run now, with nothing in their
    reach; where the manifest declares more, or a program is missing, they wait all the same.
    """
    lock = render(want.ref.name, Lock(version))
    real = meant(replace(want, files={**want.files, name_of(want.ref.name): lock}))
    if real is None:
        return None
    spec = real.spec
    bare = spec.sandbox is None or spec.sandbox == Sandbox()
    ready = bare and all(map(installed, spec.dependencies))
    runs = bool(spec.tests) and spec.approve == "auto" and ready
    digest = hashlib.sha256(executes(real)).hexdigest()[:24]
    work, tests = (f"tests-{digest}", spec.tests) if runs else (f"read-{digest}", ())
    return Check(work, f"tests-{digest}", version, real, tests)


def _tried(check: Check, find: Find) -> tuple[Trial, Outcome | None]:
    """What came of it so far. That no sandbox is here is no fault of an answer."""
    state, outcome = _how(find(check.work))
    if outcome is not None and trial.unrun(outcome.result):
        state = "passed"
    afterwards = _how(find(check.later))
    late = afterwards[1] is not None and not trial.unrun(afterwards[1].result)
    return afterwards if state == "passed" and late else (state, outcome)


def _how(work: Work | None) -> tuple[Trial, Outcome | None]:
    if work is None:
        return "unknown", None
    if work.outcome is None:
        return "running", None
    return ("passed" if work.outcome.ok else "failed"), work.outcome
