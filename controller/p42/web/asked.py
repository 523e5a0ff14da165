"""Asked: a request of Anthropic's Messages API (docs.claude.com, API version 2023-06-01), checked.

What every account needs to know of it, whether it is passed on as it is or translated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from p42.model.errors import InvalidInput

LONGEST_MODEL = 256  # characters of a model's name
MOST_TOKENS = 1_000_000  # of one answer; a slip, or a way to reserve a budget away
DEFAULT_TOKENS = 1  # what counting asks for: it wants no answer


@dataclass(frozen=True, slots=True)
class Asked:
    """`body` is the whole object; `model`, `max_tokens` and `stream` are in it as well."""

    body: Mapping[str, Any] = field(repr=False)
    model: str
    max_tokens: int
    stream: bool

    def of(self, model: str) -> Asked:
        """The same, of another model."""
        return replace(self, model=model, body={**self.body, "model": model})

    def text(self) -> bytes:
        """The body anew: what p42 read is what the vendor reads, also of a doubled key."""
        return orjson.dumps(self.body)


def read(data: bytes, *, counting: bool = False) -> Asked:
    """The request in `data`. InvalidInput names what is wrong. `counting`: no answer is wanted."""
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidInput("the body must be a JSON object")
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str) or not 0 < len(model) <= LONGEST_MODEL:
        raise InvalidInput("model: the name of a model is required")
    if not isinstance(messages, list) or not messages:
        raise InvalidInput("messages: at least one message is required")
    stream = body.get("stream", False)
    if not isinstance(stream, bool):
        raise InvalidInput("stream: must be true or false")
    return Asked(body, model, DEFAULT_TOKENS if counting else _tokens(body), stream)


def _tokens(body: Mapping[str, Any]) -> int:
    tokens = body.get("max_tokens")
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not 1 <= tokens <= MOST_TOKENS:
        raise InvalidInput(f"max_tokens: a number from 1 to {MOST_TOKENS:,} is required")
    return tokens
