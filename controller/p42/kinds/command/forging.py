"""Forging: the work of asking a model for a script, once: from the question to an outcome.

The outcome is committed before anything is made of it, an answer that nobody can use as well, so a
crash never pays twice. What time or a person mends ends the work too, with the reason and the time
of the next try: a command that is not forged yet says why.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple

from p42.kinds.command.asking import Asked, answered, kept
from p42.kinds.command.spec import Command
from p42.model import ports
from p42.model.completion import Answer, Call, Cut, Prompt
from p42.model.errors import Blocked, Retry, TimedOut
from p42.model.plan import Outcome
from p42.model.reasons import REASONS
from p42.scripts.lock import Version
from p42.scripts.modules import only_modules
from p42.scripts.reply import Unfit

LONGEST = 20_000  # characters that are kept of an answer nobody can use
SECONDS = 300.0  # of one answer; the model on this machine takes a minute
AGAIN_FIRST, AGAIN_MOST = 30.0, 3600.0  # s to the next try by itself; each may cost something


_UNFIT = "unfit"


class Failure(NamedTuple):
    """Why nothing was forged. `again`: wall time of the next try, 0 = not by itself."""

    reason: str = "Blocked"
    again: float = 0.0
    tries: int = 0


@dataclass(frozen=True)
class Work:
    """One forging. `tries`: how many of it failed before for what passes."""

    world: ports.World
    spec: Command
    asked: Asked
    tries: int = 0

    async def __call__(self, work: str) -> Outcome:
        """Ask. Ends with an outcome, unless cancelled."""
        try:
            answer = await self._answer(self.asked.prompt)
        except Blocked as error:
            return self._failed(work, str(error), error.reason)
        except (Retry, Cut, TimedOut) as error:
            reason = error.reason if isinstance(error, Retry) else "Retry"
            after = error.after if isinstance(error, Retry) else None
            return self._failed(work, str(error), reason, after=after)
        said, model = answer.reply.text, answer.reply.model
        try:
            version = answered(self.asked, self.spec, said, model)
            await self._check(version)
        except Unfit as error:
            result = json.dumps({_UNFIT: said[:LONGEST]}).encode()
            return Outcome(work, ok=False, detail=str(error), result=result)
        detail = f"{len(version.source)} characters of {version.language}"
        return Outcome(work, ok=True, detail=detail, result=kept(version))

    async def _check(self, version: Version) -> None:
        """Unfit for one that could never run. What is pinned already is not asked about."""
        files, needs = self.world.files, version.dependencies
        wrong = await asyncio.to_thread(
            only_modules, version.source, version.language, needs,
            lambda program: files.which(program) is not None,
        )  # fmt: skip
        if wrong:
            raise Unfit(wrong)

    async def _answer(self, prompt: Prompt) -> Answer:
        call = Call(prompt, self.asked.account, self.asked.by, timeout=SECONDS)
        coming: Any = self.world.models.ask(call)
        pieces: AsyncIterator[Any]
        async with aclosing(coming) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    return piece
        raise Retry("the model ended without an answer")

    def _failed(
        self, work: str, detail: str, reason: str, *, after: float | None = None
    ) -> Outcome:
        wait = min(AGAIN_FIRST * 2**self.tries, AGAIN_MOST)
        again = self.world.clock.now() + max(wait, after or 0.0)
        known = reason if reason in REASONS else "Blocked"
        failure = Failure(known, again, self.tries + 1)
        return Outcome(work, ok=False, detail=detail, result=told(failure))


def failure_of(result: bytes) -> Failure:
    """Why a work came to nothing; unknown for an answer that nobody can use."""
    told = json.loads(result) if result else []
    return Failure(*told) if isinstance(told, list) else Failure()


def told(failure: Failure) -> bytes:
    """The result of work that came to nothing for this reason."""
    return json.dumps(list(failure)).encode()


def unfit_of(outcome: Outcome | None) -> str | None:
    """The answer that nobody can use; None where there is none. `detail` of it says why."""
    if outcome is None or outcome.ok or not outcome.result:
        return None
    said = json.loads(outcome.result)
    return str(said[_UNFIT]) if isinstance(said, dict) else None
