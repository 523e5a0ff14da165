"""Window: which turns of a conversation a model is shown. Pure.

The first K and the last N, within a number of tokens; what lies between is told by a summary in the
system text. Nothing is dropped silently: whoever reads the prompt can see that something was left
out, and how much.

    turns  0 1 | 2 3 4 5 6 7 | 8 9 10        K = 2, N = 3
           first    skipped     last
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from p42.model.completion import Message, ToolCall
from p42.model.session import Turn

EXCERPT = 160  # characters of a skipped message in a summary made without a model
MOST_EXCERPTS = 24  # lines of such a summary; more are counted
BROKEN_OFF = "broken off: nobody knows what came of it"
CUT_NOTE = " [the answer broke off here]"
TOKEN = 3  # bytes a token has at least, on average, in the vendors' tokenizers: an estimate

Count = Callable[[str], int]


def tokens(text: str) -> int:
    """About how many tokens, rather too many than too few."""
    return -(-len(text.encode()) // TOKEN) + 4


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
    turns: Sequence[Turn], *, keep_first: int, last: int, budget: int | None = None,
    count: Count = tokens,
) -> Window:  # fmt: skip
    """Choose. The last turn is always shown, whatever it costs.

    `budget` in tokens of the messages alone. What is shown begins with something a person said, as
    vendors want it, and no call of a tool is shown without its result.
    """
    total = len(turns)
    head = min(keep_first, max(0, total - 1))
    start = max(head, total - max(last, 1))
    if budget is not None:
        head, start = _within(turns, head, start, budget, count)
    if start > head:
        while head > 0 and turns[head - 1].more.get("calls"):
            head -= 1
        start = _begin(turns, start, alone=head == 0)
    if turns and turns[-1].role == "tool":  # its question is being answered: shown whole
        asked = max((n for n, turn in enumerate(turns) if turn.role == "user"), default=start)
        start = max(head, min(start, asked))
    return Window(tuple(turns[:head]), tuple(turns[head:start]), tuple(turns[start:]))


def messages(turns: Sequence[Turn]) -> tuple[Message, ...]:
    """As a model is given them: no empty ones, two of one side in a row joined."""
    found: list[Message] = []
    for turn in turns:
        text = turn.content + (CUT_NOTE if turn.cut else "")
        calls = tuple(ToolCall(**call) for call in turn.more.get("calls", ()))
        message = Message(turn.role, text, calls, str(turn.more.get("answers", "")))
        if not text.strip() and not calls:
            continue
        before = found[-1] if found else None
        if before is not None and _joins(before, message):
            found[-1] = Message(before.role, f"{before.content}\n\n{text}")
        else:
            found.append(message)
    return tuple(_answered(found))


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
        if message.role == "tool":
            if message.answers in missing:
                missing.remove(message.answers)
                yield message
            continue
        yield from (Message("tool", BROKEN_OFF, answers=call) for call in missing)
        missing = [call.id for call in message.calls]
        yield message
    yield from (Message("tool", BROKEN_OFF, answers=call) for call in missing)


def digest(skipped: Sequence[Turn]) -> str:
    """A summary without a model: the beginning of each message a person wrote."""
    asked = [turn for turn in skipped if turn.role == "user"]
    lines = [f"- {_short(turn.content)}" for turn in asked[-MOST_EXCERPTS:]]
    more = len(asked) - len(lines)
    return "\n".join([*([f"- ({more} earlier messages)"] if more > 0 else []), *lines])


def note(skipped: Sequence[Turn], summary: str) -> str:
    """The system text about what is left out; "" if nothing is."""
    if not skipped:
        return ""
    return (
        f"{len(skipped)} earlier messages of this conversation are not shown. "
        f"In short, they were about:\n{summary or digest(skipped)}"
    )


def _within(
    turns: Sequence[Turn], head: int, start: int, budget: int, count: Count
) -> tuple[int, int]:
    costs = [count(turn.content) for turn in turns]
    spent = sum(costs[:head]) + sum(costs[start:])
    while spent > budget and start < len(turns) - 1:
        spent -= costs[start]
        start += 1
    while spent > budget and head > 0:
        head -= 1
        spent -= costs[head]
    return head, start


def _begin(turns: Sequence[Turn], start: int, *, alone: bool) -> int:
    """Where the last part can begin: not at a tool's result; `alone`, at a question."""
    fits = ("user",) if alone else ("user", "assistant")
    later = [n for n in range(start, len(turns)) if turns[n].role in fits]
    return later[0] if later else start


def _joins(before: Message, message: Message) -> bool:
    plain = not (before.calls or message.calls) and message.role != "tool"
    return plain and before.role == message.role


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[:EXCERPT]}…"
