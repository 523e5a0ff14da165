"""View: what of a conversation a model is shown, and less of it where a vendor refuses that. Pure.

    window within the model's room -> refused -> without questions that nobody answered -> refused
        -> half as much, and half of that ... -> the last question alone -> refused: told

How much a model takes is on a list, in tokens that we only estimate, or nobody knows; so what a
vendor says counts more. A message that it refused must not have it refuse all that come after: its
text is not told of either, for a vendor may refuse what it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from p42.ai.talk.summaries import told
from p42.ai.talk.window import NOTE, TOKEN, Window, cost, note, tokens, window
from p42.model.errors import Refused, TooLong
from p42.model.session import Session, Turn

UNKNOWN = 128_000  # tokens of a model that nobody knows: what hosted ones take at least, as a rule
LEAST = 256  # tokens for messages, however much the agent is told besides: the vendor decides
SHORTENED = "\n[the rest is left out: it is more than the model takes]"


@dataclass(frozen=True)
class View:
    """`space`: tokens for messages and for what is told of those that are not shown.

    `doubted`: numbers of questions that nobody answered, left out since a vendor refused what had
    them in it. `session` has the summary.
    """

    session: Session | None
    turns: Sequence[Turn]
    memory: Mapping[str, Any]
    space: int
    doubted: frozenset[int] = frozenset()

    @cached_property
    def window(self) -> Window:
        """What is shown of the others."""
        most = self.memory["maxTokens"]
        budget = self.space - note_of(self.space)
        return window(
            self.undoubted, keep_first=self.memory["keepFirst"], last=self.memory["window"],
            budget=budget if most is None else min(budget, most),
        )  # fmt: skip

    @cached_property
    def undoubted(self) -> Sequence[Turn]:
        """The turns without those that are doubted."""
        return [turn for turn in self.turns if turn.number not in self.doubted]

    @cached_property
    def note(self) -> str:
        """What the model is told of messages that it is not shown; "" = it is shown all."""
        count = len(self.turns) - len(self.window.shown)
        most = note_of(self.space)
        told_of = told(self.session, self.window.skipped, most=most) if self.session else ""
        return note(count, told_of, refused=len(self.doubted))

    @property
    def tokens(self) -> int:
        """Of what is shown and told, about."""
        return sum(map(cost, self.window.shown)) + (tokens(self.note) if self.note else 0)

    @property
    def question(self) -> int:
        """Tokens of the last question alone, without what came of it."""
        asked = (turn for turn in reversed(self.window.shown) if turn.role == "user")
        return cost(next(asked)) if self.window.shown else 0


def note_of(space: int) -> int:
    """Tokens for what is told of messages that are not shown."""
    return min(NOTE, space // 8)


def space_of(room: int, *, answer: int, told: int) -> int:
    """Tokens for a conversation: `room` without the answer, whose most is `answer`, and what the
    agent is `told` besides."""
    return max(LEAST, room - min(answer, room // 2) - told)


def smaller(view: View, error: Refused) -> View | None:
    """What to show instead of what was refused; None = nothing less can be shown.

    A question without an answer is the first to be doubted: whatever was answered was taken once.
    """
    shown = view.window.shown
    if unanswered := _unanswered(shown):
        return replace(view, doubted=view.doubted | unanswered)
    if isinstance(error, TooLong) and view.space and (len(shown) > 1 or view.note):
        less = min(view.space, view.tokens) // 2
        return replace(view, space=less if less > view.question else 0)
    return None


def shortened(text: str, most: int) -> str:
    """`text`, or as much of its beginning as `most` tokens hold, and that there was more."""
    if tokens(text) <= most:
        return text
    return text.encode()[: max(0, most) * TOKEN].decode(errors="ignore") + SHORTENED


def _unanswered(shown: Sequence[Turn]) -> frozenset[int]:
    """Numbers of the questions that nobody answered, but for the last."""
    asked = [n for n, turn in enumerate(shown) if turn.role == "user"]
    return frozenset(
        shown[n].number for n, then in pairwise(asked)
        if not any(turn.role == "assistant" for turn in shown[n:then])
    )  # fmt: skip
