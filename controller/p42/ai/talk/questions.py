"""Questions: what agents wait for a person to agree to. In memory: an unanswered one means no."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from p42.model.completion import ToolCall
from p42.model.errors import P42Error

SECONDS = 60.0  # until silence means no
MOST = 100  # open at once; more than a person can hold in mind, and a bound
REMEMBERED = 1000  # (session, tool) pairs a person said `always` to; the oldest are forgotten


@dataclass(frozen=True, slots=True)
class Question:
    """One call that waits. `tool` is its name in permissions."""

    id: str
    session: str
    tool: str
    call: ToolCall
    decided: asyncio.Future[bool]


class Questions:
    """Of one event loop."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self._always: dict[tuple[str, str], None] = {}

    def agreed(self, session: str, tool: str) -> bool:
        """Whether a person said `always` to that tool in that session."""
        return (session, tool) in self._always

    def put(self, session: str, tool: str, call: ToolCall) -> Question | None:
        """A question to be shown to a person, then waited for; None = too many are open."""
        if len(self._open) >= MOST:
            return None
        decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        question = Question(f"q-{secrets.token_hex(6)}", session, tool, call, decided)
        self._open[question.id] = question
        return question

    async def answer(self, question: Question, seconds: float) -> bool | None:
        """What a person decides within `seconds`; None = nobody did. It is closed afterwards."""
        try:
            async with asyncio.timeout(seconds):
                return await question.decided
        except TimeoutError:
            return None
        finally:
            self.drop(question)

    def drop(self, question: Question) -> None:
        """Nobody waits for it any more. No effect on one that is closed."""
        self._open.pop(question.id, None)

    def decide(self, identity: str, *, allow: bool, always: bool = False) -> Question:
        """A person's word. P42Error if nobody waits for it."""
        question = self._open.pop(identity, None)
        if question is None or question.decided.done():
            raise P42Error(f"question {identity[:40]!r} is over: it was answered, or left too long")
        if allow and always:
            self._always[(question.session, question.tool)] = None
            while len(self._always) > REMEMBERED:
                del self._always[next(iter(self._always))]
        question.decided.set_result(allow)
        return question
