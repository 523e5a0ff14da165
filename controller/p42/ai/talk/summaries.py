"""Summaries: what no longer fits a window, told in short, made behind the conversation's back.

A summary tells everything from the first message to a certain number, what is shown besides too:
whatever the window becomes (a smaller budget, another agent), nothing falls between the two.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from p42.ai.talk.window import TOKEN, digest, tokens
from p42.model.completion import Answer, Call, Cut, Message, Prompt
from p42.model.errors import P42Error, TooLong
from p42.model.models import Models
from p42.model.session import Session, Sessions, Turn

FRESH = 6  # skipped turns that no summary tells of yet; fewer are not worth a call
LONGEST = 300  # tokens of a summary
SHOWN = 12_000  # bytes of the turns that are summed up at once, where the model has room for it
SMALLEST = 1000  # bytes; what is refused as too long then is refused for something else
REST = 600.0  # s after one that failed; else each message would ask for another
MOST = 1000  # sessions that rest
PART = 4  # a single turn takes at most such a part of them
CUT = " [...]"
TASK = (
    "Sum up this part of a conversation in at most 150 words, so that it can go on without it: "
    "what was asked, decided and left open, and names and numbers. Only the summary."
)

_log = logging.getLogger("p42.ai")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A summary that is due: of `turns`, going on from the session's last."""

    session: Session
    turns: Sequence[Turn]
    account: str | None
    model: str
    by: str


class Summaries:
    """Makes them with the conversation's own account and model, one of a session at a time."""

    def __init__(self, sessions: Sessions, models: Models, now: Callable[[], float]) -> None:
        """`now` in monotonic seconds."""
        self._sessions, self._models, self._now = sessions, models, now
        self._making: set[str] = set()
        self._rests: dict[str, float] = {}  # sessions that could not be summed up, and until when

    def due(
        self, session: Session, turns: Sequence[Turn], skipped: Sequence[Turn]
    ) -> Sequence[Turn]:
        """Those of `turns` that are to be summed up now; () = nothing yet. `skipped`: those that
        the window does not show."""
        fresh = [turn for turn in skipped if turn.number >= session.summarized]
        rests = self._now() < self._rests.get(session.id, 0.0)
        if len(fresh) < FRESH or rests or session.id in self._making:
            return ()
        return [t for t in turns if session.summarized <= t.number <= fresh[-1].number]

    async def make(self, wanted: Wanted) -> None:
        """Ask for it and keep it. Fails with a word in the log, and rests for a while: until then
        the beginnings of messages stand in for it."""
        identity = wanted.session.id
        if identity in self._making:
            return
        self._making.add(identity)
        try:
            await self._make(wanted)
        except (P42Error, Cut) as error:
            _log.warning("session %r cannot be summed up: %s", identity, error)
            self._rest(identity)
        finally:
            self._making.discard(identity)

    async def _make(self, wanted: Wanted) -> None:
        room = await self._models.room(wanted.account, wanted.model)
        most = SHOWN if room is None else min(SHOWN, room // 2 * TOKEN)
        while True:
            try:
                text, upto = await self._asked(wanted, most)
                break
            except TooLong:
                if most <= SMALLEST:
                    raise
                most //= 2
        session = await self._sessions.get(wanted.session.id)
        if text and session is not None and session.summarized == wanted.session.summarized:
            await self._sessions.change(session.id, summary=text, summarized=upto)

    async def _asked(self, wanted: Wanted, most: int) -> tuple[str, int]:
        """A summary of as many turns as `most` bytes hold, and the number of the next."""
        before = _shortened(wanted.session.summary, most // 2)
        said, upto = portion(wanted.turns, most=most - len(before.encode()))
        asked = f"Before that: {before}\n\n{said}" if before else said
        prompt = Prompt(wanted.model, (Message("user", asked),), system=TASK, max_tokens=LONGEST)
        return await _answer(self._models, Call(prompt, wanted.account, wanted.by)), upto

    def _rest(self, session: str) -> None:
        self._rests[session] = self._now() + REST
        while len(self._rests) > MOST:
            del self._rests[next(iter(self._rests))]


def portion(turns: Sequence[Turn], *, most: int) -> tuple[str, int]:
    """The first of `turns` as text, as many as `most` bytes hold, at least one; and the number that
    comes after the last of these. A long one is cut, and says so."""
    lines: list[str] = []
    size, upto = 0, turns[0].number
    for turn in turns:
        line = _shortened(f"{turn.role}: {turn.content}", most // PART)
        size += len(line.encode()) + 2
        if lines and size > most:
            break
        lines.append(line)
        upto = turn.number + 1
    return "\n\n".join(lines), upto


def _shortened(text: str, most: int) -> str:
    data = text.encode()
    return text if len(data) <= most else data[:most].decode(errors="ignore") + CUT


def told(session: Session, skipped: Sequence[Turn], *, most: int) -> str:
    """The summary of `skipped`: the one that was made, and beginnings of what came after it.

    `most` in tokens; a summary that came from elsewhere may be longer and is cut.
    """
    fresh = [turn for turn in skipped if turn.number >= session.summarized]
    made = session.summary.encode()[: most * TOKEN].decode(errors="ignore")
    rest = digest(fresh, most=max(0, most - tokens(made)))
    return "\n".join(part for part in (made, rest) if part)


async def _answer(models: Models, call: Call) -> str:
    async with aclosing(models.ask(call)) as pieces:  # type: ignore[type-var]
        async for piece in pieces:
            if isinstance(piece, Answer):
                return piece.reply.text.strip()
    return ""
