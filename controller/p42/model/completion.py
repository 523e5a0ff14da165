"""Completion: one question to a model and its answer, as values that no vendor shapes.

A prompt goes out, pieces come back (`Text`, `ToolCall`), and the last piece is always the `Reply`
that sums them up. An answer that was cut is a `Cut` error, never a Reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from p42.model.errors import P42Error

Role = Literal["user", "assistant", "tool"]
Stop = Literal["end", "length", "tools", "refused"]
MAX_TOKENS = 1024  # of one answer where nothing else is said (CONTRACT)


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may call. `schema` is the JSON Schema of its arguments, an object."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asks for. `id` joins it to its result. `arguments` are not checked yet.

    `wrong`: why they could not be read, in a sentence for the model; then they are empty, and the
    call is refused.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `calls` only with role assistant; `answers` is the ToolCall id with role tool."""

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that is sent. `shape` is a JSON Schema the answer's text has to follow; None = free.

    `simple` is the same question, put so that a very small model can follow; None = as it is.
    """

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    max_tokens: int = MAX_TOKENS
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    shape: Mapping[str, Any] | None = None
    simple: Prompt | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the vendor counted them. `input` holds all that was sent: `cached` (read from the
    vendor's cache) and `stored` (written to it) are parts of it. `hour`, a part of `stored`, was
    written for an hour, which costs more."""

    input: int = 0
    output: int = 0
    cached: int = 0
    stored: int = 0
    hour: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Of two calls."""
        return Usage(
            self.input + other.input, self.output + other.output,
            self.cached + other.cached, self.stored + other.stored, self.hour + other.hour,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """Some more of the answer, in order."""

    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole answer. `vendor_id` is the vendor's own request id; "" = it gave none."""

    text: str
    usage: Usage
    model: str
    stop: Stop = "end"
    calls: tuple[ToolCall, ...] = ()
    vendor_id: str = ""


Piece = Text | ToolCall | Reply


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model as its vendor lists it. None and 0 = the vendor does not say."""

    id: str
    name: str = ""
    context: int = 0  # tokens
    most_output: int = 0  # tokens
    created: str = ""


class Cut(P42Error):
    """The answer broke off. `said` is what had come; `usage` what the vendor had counted by then.

    It is billed as far as it came and never stored as a whole answer. `passes`: asking again may
    help (a lost connection), where False says it will not (a garbled protocol).
    """

    def __init__(
        self, message: str, *, said: str = "", usage: Usage | None = None, passes: bool = True
    ) -> None:
        super().__init__(message)
        self.said = said
        self.usage = usage
        self.passes = passes


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody's question to an account. The same `request` is never billed twice; "" = drawn.

    `account` None: the default one. A prompt with model "" gets the account's first. `agent` is
    who asks, for the usage report: `agent/muse`, `projectci/numa`, or "" for a person's own.
    """

    prompt: Prompt
    account: str | None = None
    agent: str = ""
    request: str = ""
    timeout: float = 120.0  # s, all tries together


@dataclass(frozen=True, slots=True)
class Answer:
    """The last piece of a metered call: the reply, and what it cost, by whom and where."""

    reply: Reply
    account: str
    request: str
    cost: int  # micro-USD


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of an account: from its key, its provider and its use. reason "" = all well.

    `message` is for people now; `template` goes into the file and holds nothing that changes by
    itself.
    """

    reason: str = ""
    message: str = field(default="", compare=False)
    template: str = ""
