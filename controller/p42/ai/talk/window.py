"""Window: which turns of a conversation a model is shown. Pure.

The first K and the last N, within a number of tokens; what lies between is told by a summary in the
system text. Nothing is dropped silently: whoever reads the prompt can see that something was left
out, and how much.

    turns  q0 a1 | q2 a3 q4 a5 q6 a7 | q8 a9 q10       K = 2, N = 3
           first       skipped         last

Vendors want user and assistant in turn, the user first, and join two of one side. So the first part
ends with an answer and the last part begins with a question: at the seam no answer stands under a
question that it does not answer, and nothing is joined that was said far apart. For that the first
part may have one more, or fewer, the last part fewer. The last question, with what came of it, is
always shown, whatever it costs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from p42.model.completion import Message, ToolCall
from p42.model.session import Turn

EXCERPT = 160  # characters of a skipped message in a summary made without a model
MOST_EXCERPTS = 24  # lines of such a summary; more are counted
NOTE = 1600  # tokens of what is told of skipped messages, where the model has room for it
BROKEN_OFF = "broken off: nobody knows what came of it"
NO_ANSWER = "[nothing was answered]"
CUT_NOTE = " [the answer broke off here]"
TOKEN = 3  # bytes a token has at least, on average, in the vendors' tokenizers: an estimate


def tokens(text: str) -> int:
    """About how many tokens, rather too many than too few."""
    return -(-len(text.encode()) // TOKEN) + 4


def cost(turn: Turn) -> int:
    """About how many tokens a turn has, calls of tools and all."""
    calls = turn.more.get("calls")
    return tokens(turn.content) + (tokens(json.dumps(calls)) if calls else 0)


@dataclass(frozen=True, slots=True)
class Window:
    """`skipped` lie between; empty = all is shown."""

    first: tuple[Turn, ...]
    skipped: tuple[Turn, ...]
    last: tuple[Turn, ...]

    @property
    def shown(self) -> tuple[Turn, ...]:
        """What goes to the model, in order."""
        return self.first + self.last


def window(
    turns: Sequence[Turn], *, keep_first: int, last: int, budget: int | None = None
) -> Window:
    """Choose. `budget` in tokens of the messages alone.

    No call of a tool is shown without its result, and no result without its call.
    """
    whole = list(accumulate(map(cost, turns), initial=0))
    most = math.inf if budget is None else budget
    newest = max((n for n, turn in enumerate(turns) if turn.role == "user"), default=None)
    if newest is None:  # nobody asked: there is nothing to be answered
        return Window((), tuple(turns[:-1]), tuple(turns[-1:]))
    head, start = 0, _question(turns, 0)
    if len(turns) > keep_first + last or whole[-1] > most:
        start = _question(turns, min(max(keep_first, len(turns) - max(last, 1)), newest))
        head = _answer(turns, keep_first, start)
    while head > 0 and whole[head] > most / 2:  # one long message would hide all that came later
        head = _answer(turns, head - 2, start)
    while whole[head] + whole[-1] - whole[start] > most and start < newest:
        start = _question(turns, start + 1)
    while whole[head] + whole[-1] - whole[start] > most and head > 0:
        head = _answer(turns, head - 2, start)
    return Window(tuple(turns[:head]), tuple(turns[head:start]), tuple(turns[start:]))


def messages(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """As a model is given them: no empty ones, two of one side in a row joined."""
    found: list[Message] = []
    for message in _answered([_message(turn) for turn in turns]):
        before = found[-1] if found else None
        if before is not None and _joins(before, message):
            text = "\n\n".join(part for part in (before.content, message.content) if part)
            found[-1] = Message(before.role, text, message.calls)
        else:
            found.append(message)
    return tuple(found)


def without_calls(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The same as plain text: a vendor takes no calls in a prompt that offers no tools."""
    return tuple(_as_text(turn) for turn in turns)


def _as_text(turn: Turn) -> Turn:
    if turn.role == "tool":
        return replace(turn, role="user", content=f"[a tool gave: {turn.content}]", more={})
    names = ", ".join(str(call["name"]) for call in turn.more.get("calls", ()))
    said = f"{turn.content} [called {names}]".lstrip() if names else turn.content
    return replace(turn, content=said, more={})


def _answered(found: Sequence[Message]) -> Iterator[Message]:
    """Each call followed by a result, as vendors want it: one that broke off says so.

    A result without its call is left out.
    """
    missing: list[str] = []
    for message in found:
        if message.role == "user" and not message.content.strip():
            continue
        if message.role == "tool":
            if message.answers in missing:
                missing.remove(message.answers)
                yield message
            continue
        yield from (Message("tool", BROKEN_OFF, answers=call) for call in missing)
        missing = [call.id for call in message.calls]
        yield message
    yield from (Message("tool", BROKEN_OFF, answers=call) for call in missing)


def digest(skipped: Sequence[Turn], *, most: int = NOTE) -> str:
    """A summary without a model: the beginning of each message a person wrote, in `most` tokens
    the last of them."""
    asked = [turn for turn in skipped if turn.role == "user"]
    lines = [f"- {_short(turn.content)}" for turn in asked[-MOST_EXCERPTS:]]
    while lines and sum(map(tokens, lines)) > most:
        del lines[0]
    more = len(asked) - len(lines)
    return "\n".join([*([f"- ({more} earlier messages)"] if more > 0 else []), *lines])


def note(count: int, summary: str, *, refused: int = 0) -> str:
    """The system text about `count` messages that are left out; "" if none is.

    `refused`: so many of them a vendor would not take; no word of these is told.
    """
    if not count:
        return ""
    told = f"{count} earlier messages of this conversation are not shown"
    told += f", {refused} of them since the provider would not take them." if refused else "."
    return f"{told} In short, they were about:\n{summary}" if summary else told


def _question(turns: Sequence[Turn], start: int) -> int:
    """Where the last part can begin, from `start` on."""
    return next(n for n in range(max(start, 0), len(turns)) if turns[n].role == "user")


def _answer(turns: Sequence[Turn], keep_first: int, start: int) -> int:
    """Where the first part ends that is to have so many, before `start`."""
    if keep_first <= 0 or turns[0].role != "user":
        return 0
    ends = (n for n in range(min(keep_first, start - 1), 0, -1) if _is_answer(turns[n]))
    return next(ends, -1) + 1


def _is_answer(turn: Turn) -> bool:
    return turn.role == "assistant" and not turn.more.get("calls")


def _message(turn: Turn) -> Message:
    text = turn.content + (CUT_NOTE if turn.cut else "")
    calls = tuple(ToolCall(**call) for call in turn.more.get("calls", ()))
    if turn.role == "assistant" and not text.strip() and not calls:
        text = NO_ANSWER  # left out, it would join the questions before and after it
    return Message(turn.role, text, calls, str(turn.more.get("answers", "")))


def _joins(before: Message, message: Message) -> bool:
    return before.role == message.role != "tool" and not before.calls


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT]}…"
