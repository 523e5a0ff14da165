"""Prompt driver: looks at lock, forging and approval of a prompt, and does their steps.

A lock that came from elsewhere, and that nobody approved, is a model's work that this home does not
know as such. That is written down beside the loop, and not as a step: with its first step a thing
counts as let through, and there would be nothing left to approve.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from p42.kinds.command.asking import asked
from p42.kinds.command.forging import Work, failure_of
from p42.kinds.command.pinned import meant
from p42.kinds.command.plan import executes
from p42.kinds.command.seen import Agree, Mark, Pin, Seen, Sign, StartForge
from p42.kinds.command.spec import Command
from p42.model.approval import digest_of
from p42.model.errors import Blocked, Retry
from p42.model.kind import Want
from p42.model.ports import World
from p42.model.refs import Ref
from p42.scripts.lock import name_of, parse
from p42.scripts.reply import Unfit

PromptStep = Mark | Agree | StartForge | Pin | Sign


class PromptDriver:
    """A part of the driver of Command, for wants that have a prompt."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._strangers: set[Ref] = set()
        self._some = asyncio.Event()

    async def observe(self, want: Want[Command], seen: Seen) -> Seen:
        """`seen` with what is known of lock, forging and approval."""
        world, ref = self._world, want.ref
        lock, machine = world.pins.look(ref), world.approvals.machine_made(ref)
        seen = replace(seen, lock=lock, machine=machine)
        if meant(want) is None:
            work = world.works.get(seen.work)
            outcome = work.outcome if work is not None else None
            return replace(seen, result=outcome.result) if outcome is not None else seen
        digest = digest_of(executes(want))
        approved = world.approvals.approved(ref, digest)
        vouched = not approved and await self._vouched(want, lock, digest)
        if not (machine or approved or vouched):
            self._strangers.add(ref)
            self._some.set()
        return replace(seen, approved=approved, vouched=vouched)

    async def watch(self, wake: Callable[[Ref | None], None]) -> None:
        """Write down of each lock from elsewhere that a model made what is in it."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._strangers:
                ref = self._strangers.pop()
                try:
                    await self._world.approvals.mark(ref, auto=True)
                except (Retry, Blocked):
                    continue  # the disk's trouble; the next look at it asks again
                wake(ref)

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
            case Pin(data, was) | Sign(data, was):
                world.pins.write(ref, data, was=was)

    async def _start(self, want: Want[Command], work: str) -> None:
        try:
            question = asked(want)
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
