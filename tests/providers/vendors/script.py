"""Script: what a vendor's server does with one completion after the other, faults included."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from p42.model.completion import Stop, ToolCall, Usage

USED = Usage(input=10, output=5)


@dataclass(frozen=True)
class Say:
    """A whole answer, a word an event. `hold`: waits for it after `after` events (gate a test)."""

    text: str = "Hello from the other side."
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = USED
    stop: Stop | None = None  # None: "tools" with calls, else "end"
    hold: asyncio.Event | None = None
    after: int = 0
    count: bool = True  # False: the vendor tells no usage (some that call themselves compatible)

    @property
    def ends(self) -> Stop:
        return self.stop or ("tools" if self.calls else "end")

    @property
    def words(self) -> list[str]:
        """The text in parts that join to it again."""
        parts = self.text.split(" ")
        return [part if n == 0 else f" {part}" for n, part in enumerate(parts)] if self.text else []


def written(call: ToolCall) -> str:
    """The arguments as the model writes them; `wrong` is that text where they are no object."""
    return call.wrong or json.dumps(dict(call.arguments))


@dataclass(frozen=True)
class Status:
    """Refused. `body` None: the vendor's own error object with `kind` and `message`."""

    code: int
    message: str = "scripted"
    kind: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Hang:
    """Takes the request and never answers."""


@dataclass(frozen=True)
class Drop:
    """Closes the connection without an answer."""


@dataclass(frozen=True)
class CutShort:
    """Ends after `after` events; `polite`: the HTTP body ends properly, the answer does not."""

    say: Say = Say()
    after: int = 3
    polite: bool = False


@dataclass(frozen=True)
class Garbage:
    """`junk` instead of the event after `after`, then the rest."""

    say: Say = Say()
    after: int = 3
    junk: bytes = b"event: content_block_delta\ndata: {not json\xff}\n\n"


@dataclass(frozen=True)
class Inside:
    """A 200 that turns out to be an error after `after` events."""

    kind: str = "overloaded_error"
    message: str = "Overloaded"
    say: Say = Say()
    after: int = 0


@dataclass(frozen=True)
class Drip:
    """The answer byte by byte, `pace` seconds between them, and signs of life for ever after."""

    say: Say = Say()
    pace: float = 0.01


@dataclass(frozen=True)
class Raw:
    """These bytes instead of an HTTP answer; then the connection closes."""

    data: bytes


Step = Say | Status | Hang | Drop | CutShort | Garbage | Inside | Drip | Raw
