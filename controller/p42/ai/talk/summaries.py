"""Summaries: what no longer fits a window, told in short, made behind the conversation's back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from p42.ai.talk.window import TOKEN, digest, tokens
from p42.model.completion import Answer, Call, Cut, Message, Prompt
from p42.model.errors import P42Error
from p42.model.models import Models
from p42.model.session import Session, Sessions, Turn

FRESH = 6  # skipped turns that no summary tells of yet; fewer are not worth a call
LONGEST = 300  # tokens of a summary
SHOWN = 12_000  # bytes of the turns that are summed up at once, where the model has room for it
TASK = (
    "Sum up this part of a conversation in at most 150 words, so that it can go on without it: "
    "what was asked, decided and left open, and names and numbers. Only the summary."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A summary that is due: of `turns`, going on from the session's last."""

    session: Session
    turns: Sequence[Turn]
    account: str | None
    model: str
    by: str


class Summaries:
    """Makes them with the conversation's own account and model."""

    def __init__(self, sessions: Sessions, models: Models) -> None:
        self._sessions, self._models = sessions, models

    def due(self, session: Session, skipped: Sequence[Turn]) -> Sequence[Turn]:
        """Skipped turns that are to be summed up now; () = not yet."""
        fresh = [turn for turn in skipped if turn.number >= session.summarized]
        return fresh if len(fresh) >= FRESH else ()

    async def make(self, wanted: Wanted) -> None:
        """Ask for it and keep it. Fails quietly: the beginnings of messages stand in for it."""
        before = f"Before that: {wanted.session.summary}\n\n" if wanted.session.summary else ""
        said = "\n\n".join(f"{turn.role}: {turn.content}" for turn in wanted.turns)
        try:
            room = await self._models.room(wanted.account, wanted.model)
            most = SHOWN if room is None else min(SHOWN, room // 2 * TOKEN)
            asked = before + said.encode()[-most:].decode(errors="ignore")
            prompt = Prompt(
                wanted.model, (Message("user", asked),), system=TASK, max_tokens=LONGEST
            )
            text = await _answer(self._models, Call(prompt, wanted.account, wanted.by))
        except (P42Error, Cut):
            return
        if text:
            upto = wanted.turns[-1].number + 1
            await self._sessions.change(wanted.session.id, summary=text, summarized=upto)


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
