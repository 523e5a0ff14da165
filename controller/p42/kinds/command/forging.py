"""Forging: the work of asking a model for a script, from the question to an outcome.

The outcome is committed before anything is built from it, so a crash never pays twice for other
bytes. What time or a person mends ends the work too, with the reason and the time of the next try:
a command that is not forged yet says why.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from p42.kinds.command.asking import Asked, answered, kept
from p42.kinds.command.spec import Command
from p42.model import ports
from p42.model.completion import Answer, Call, Cut, Message, Prompt
from p42.model.errors import Blocked, Retry, TimedOut
from p42.model.plan import Outcome
from p42.model.reasons import REASONS
from p42.scripts.examples import warmer
from p42.scripts.reply import Unfit

TRIES = 3  # answers that cannot be used; each is paid for
SECONDS = 300.0  # of one answer; the model on this machine takes a minute
AGAIN_FIRST, AGAIN_MOST = 30.0, 3600.0  # s to the next try by itself; each may cost something


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
        """Ask until an answer can be used. Ends with an outcome, unless cancelled."""
        try:
            return await self._tried(work)
        except Blocked as error:
            return self._failed(work, str(error), error.reason)
        except (Retry, Cut, TimedOut) as error:
            reason = error.reason if isinstance(error, Retry) else "Retry"
            after = error.after if isinstance(error, Retry) else None
            return self._failed(work, str(error), reason, after=after)

    async def _tried(self, work: str) -> Outcome:
        prompt, problem = self.asked.prompt, ""
        for number in range(1, TRIES + 1):
            answer = await self._answer(prompt)
            try:
                version = answered(self.asked, self.spec, answer.reply.text, answer.reply.model)
            except Unfit as error:
                problem = str(error)
                prompt = _mended(self.asked.prompt, answer.reply.text, problem, tries=number)
            else:
                detail = f"{len(version.source)} characters of {version.language}"
                return Outcome(work, ok=True, detail=detail, result=kept(version))
        detail = f"of {TRIES} answers none is a command; the last: {problem}"
        return Outcome(work, ok=False, detail=detail, result=_told(Failure()))

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
        return Outcome(work, ok=False, detail=detail, result=_told(failure))


def failure_of(result: bytes) -> Failure:
    """Why a work came to nothing."""
    return Failure(*json.loads(result)) if result else Failure()


def _told(failure: Failure) -> bytes:
    return json.dumps(list(failure)).encode()


def _mended(prompt: Prompt, said: str, problem: str, *, tries: int) -> Prompt:
    """The question once more, with what was wrong with the answer. `tries` of them failed."""
    turns = (
        *prompt.messages,
        Message("assistant", said[:20_000] or "..."),
        Message(
            "user", f"That cannot be used: {problem}. Answer again, with the JSON object only."
        ),
    )
    simple = prompt.simple and replace(prompt.simple, temperature=warmer(tries))
    return replace(prompt, messages=turns, simple=simple)
