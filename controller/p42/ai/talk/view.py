"""View: what of a conversation a model is shown, and less of it where a vendor refuses that. Pure.

    window within the model's room -> refused -> without questions that nobody answered -> refused
        -> half as much, and half of that ... -> the last question alone -> refused: told

How much a model takes is on a list, in tokens that we only estimate, or nobody knows; so what a
vendor says counts more. A message that it refused must not have it refuse all that come after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from p42.ai.talk.window import NOTE, Window, cost, window
from p42.model.errors import Refused, TooLong
from p42.model.session import Turn

UNKNOWN = 128_000  # tokens of a model that nobody knows: what hosted ones take at least, as a rule
LEAST = 256  # tokens for messages, however much the agent is told besides: the vendor decides


@dataclass(frozen=True, slots=True)
class View:
    """`doubted`: numbers of questions that nobody answered, left out since a vendor refused what
    had them in it. `budget` in tokens of the messages, `note` in those of what is told of others.
    """

    turns: Sequence[Turn]
    memory: Mapping[str, Any]
    budget: int
    note: int = NOTE
    doubted: frozenset[int] = frozenset()

    @property
    def window(self) -> Window:
        """What is shown of the others."""
        return window(
            [turn for turn in self.turns if turn.number not in self.doubted],
            keep_first=self.memory["keepFirst"], last=self.memory["window"],
            budget=self.budget,
        )  # fmt: skip

    @property
    def left_out(self) -> tuple[Turn, ...]:
        """What is not shown, in order."""
        shown = {turn.number for turn in self.window.shown}
        return tuple(turn for turn in self.turns if turn.number not in shown)

    @property
    def tokens(self) -> int:
        """Of what is shown, about."""
        return sum(map(cost, self.window.shown))


def note_of(room: int) -> int:
    """Tokens for what is told of messages that are not shown."""
    return min(NOTE, room // 8)


def budget_of(room: int, *, answer: int, told: int, most: Sequence[int | None]) -> int:
    """Tokens for the messages: `room` without the answer, whose most is `answer`, and what the
    agent is `told` besides; no more than any of `most`, None = no limit."""
    left = max(LEAST, room - min(answer, room // 2) - told - note_of(room))
    return min([left, *(each for each in most if each is not None)])


def smaller(view: View, error: Refused) -> View | None:
    """What to show instead of what was refused; None = nothing less can be shown.

    A question without an answer is the first to be doubted: whatever was answered was taken once.
    """
    shown = view.window.shown
    if unanswered := _unanswered(shown):
        return replace(view, doubted=view.doubted | unanswered)
    if isinstance(error, TooLong) and _questions(shown) > 1:
        return replace(view, budget=view.tokens // 2)
    return None


def _unanswered(shown: Sequence[Turn]) -> frozenset[int]:
    """Numbers of the questions that nobody answered, but for the last."""
    asked = [n for n, turn in enumerate(shown) if turn.role == "user"]
    return frozenset(
        shown[n].number for n, then in pairwise(asked)
        if not any(turn.role == "assistant" for turn in shown[n:then])
    )  # fmt: skip


def _questions(shown: Sequence[Turn]) -> int:
    return sum(turn.role == "user" for turn in shown)
