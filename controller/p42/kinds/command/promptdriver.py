"""Prompt driver: looks at lock, forging and approval of a prompt, and does their steps."""

from __future__ import annotations

from dataclasses import replace

from p42.kinds.command import trial
from p42.kinds.command.asking import asked, kept
from p42.kinds.command.attempts import Attempt, last, mishap, verdict
from p42.kinds.command.forging import Failure, Work, failure_of, told
from p42.kinds.command.pinned import meant
from p42.kinds.command.promptplan import again
from p42.kinds.command.runs import executes, forged
from p42.kinds.command.seen import Agree, Mark, Pin, Seen, Sign, StartCheck, StartForge
from p42.kinds.command.spec import Command
from p42.model.approval import digest_of
from p42.model.errors import Blocked
from p42.model.grants import Grants
from p42.model.kind import Want
from p42.model.ports import World
from p42.scripts.lock import name_of, parse, same
from p42.scripts.reply import Unfit

PromptStep = Mark | Agree | StartForge | StartCheck | Pin | Sign


class PromptDriver:
    """A part of the driver of Command, for wants that have a prompt."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def observe(self, want: Want[Command], seen: Seen) -> Seen:
        """`seen` with what is known of lock, forging and approval."""
        world, ref = self._world, want.ref
        lock, machine = world.pins.look(ref), world.approvals.machine_made(ref)
        seen = replace(seen, lock=lock, machine=machine)
        if meant(want) is None:
            return self._forging(want, seen)
        digest = digest_of(executes(want))
        approved = world.approvals.approved(ref, digest)
        vouched = not approved and await self._vouched(want, lock, digest)
        seen = replace(seen, approved=approved, vouched=vouched)
        if seen.trial == "failed":
            return self._goes_on(want, seen)
        return seen if approved else replace(seen, mishap=self._mishap(seen.lock, self._last(want)))

    def _forging(self, want: Want[Command], seen: Seen) -> Seen:
        """How far the forging is."""
        try:
            found = self._last(want)
        except Unfit:
            return seen  # a lock nobody can read: the plan says so
        why = seen.mishap or (mishap(found.failed) if found.stage == "ask" else "")
        seen = replace(seen, stage=found.stage, work=found.work, trial=found.trial, mishap=why)
        if found.check is not None:
            return replace(seen, result=kept(found.check.version))
        if found.stage == "over":
            tested = any(each.tested for each in found.failed)
            over = told(Failure("TestsFailed" if tested else "Blocked"))
            return replace(seen, verdict=verdict(found.failed), result=over)
        if found.outcome is None:
            return replace(seen, verdict="", result=b"")
        return replace(seen, verdict=found.outcome.detail, result=found.outcome.result)

    def _goes_on(self, want: Want[Command], seen: Seen) -> Seen:
        """What failed the tests that had to wait for its approval: is another answer due?

        Only for what this home has just asked for, and never back to what was there before.
        """
        lock, found = parse(want.files[name_of(want.ref.name)]), self._last(want)
        seen = replace(seen, mishap=self._mishap(seen.lock, found))
        if lock.current is None or found.stage == "over":
            return seen
        tried = [each.version for each in found.failed if each.version is not None]
        if not (tried and same(tried[-1], lock.current)):
            return seen
        if found.check and any(same(found.check.version, each) for each in lock.earlier):
            return seen
        return self._forging(want, seen)

    def _mishap(self, data: bytes | None, found: Attempt) -> str:
        """What became of the answer before the one in the lock, if that is the last."""
        try:
            current = parse(data or b"").current
        except Unfit:
            return ""
        if current is None or found.check is None or not same(found.check.version, current):
            return ""
        return mishap(found.failed)

    def _last(self, want: Want[Command]) -> Attempt:
        files, works = self._world.files, self._world.works
        # Another prompt of the same text may have asked: both hear of the answer.
        return last(
            want, again(want), find=lambda work: works.get(work, tell=want.ref),
            installed=lambda program: files.which(program) is not None,
        )  # fmt: skip

    async def act(self, want: Want[Command], step: PromptStep) -> None:
        """Do one step."""
        world, ref = self._world, want.ref
        match step:
            case Mark():
                # A prompt is a person's, and so is `approve: auto` beside it.
                await world.approvals.mark(ref, auto=True)
            case Agree():
                by = name_of(ref.name)
                await world.approvals.approve(ref, digest_of(executes(want)), by=by)
            case StartForge(work):
                await self._start(want, work)
            case StartCheck(work):
                self._check(want, work)
            case Pin(data, was) | Sign(data, was):
                world.pins.write(ref, data, was=was)

    def _check(self, want: Want[Command], work: str) -> None:
        check = self._last(want).check
        if check is None or check.work != work:
            return  # something has changed since; the next look says what
        run = trial.Run(
            self._world, want.ref.name, data=forged(check.real) or b"", tests=check.tests,
            grants=Grants(), version=check.version, agreed=check.real.spec.approve == "auto",
        )  # fmt: skip
        self._world.works.start(want.ref, work, lambda: run(work))

    async def _start(self, want: Want[Command], work: str) -> None:
        failed = self._last(want).failed
        if told := mishap(failed):
            self._world.journal.note(want.ref, "TestsFailed", told, warning=True)
        try:
            question = asked(want, failed)
        except Unfit as error:
            raise Blocked(str(error)) from None
        known, tries = self._world.works.get(work), 0
        if known is not None and known.outcome is not None and not known.outcome.ok:
            tries = failure_of(known.outcome.result).tries
            await self._world.works.forget(work)
        forging = Work(self._world, want.spec, question, tries)
        self._world.works.start(want.ref, work, lambda: forging(work))

    async def _vouched(self, want: Want[Command], lock: bytes | None, digest: str) -> bool:
        """Whether the lock that came in says that exactly this was approved, and git brought it."""
        data = want.files[name_of(want.ref.name)]
        current = parse(data).current
        if current is None or current.approved != digest or lock != data:
            return False
        return await self._world.pins.committed(want.ref)
