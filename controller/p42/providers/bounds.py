"""Bounds: how many tokens a prompt can be at most, without asking anybody.

Every vendor's tokenizer works on bytes in the end, and a token stands for at least one, so bytes
bound tokens; the usual text is a quarter of that. What vendors add (turn markers, the rendering
of tools and schemas) is bounded by the constants.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from p42.model.completion import Prompt

PER_CALL = 64  # tokens around the whole; OpenAI adds 3, llama.cpp's templates up to some 20
PER_MESSAGE = 16  # tokens of turn markers and roles; Anthropic's and OpenAI's are 3 to 8
FOR_TOOLS = 1024  # tokens of instructions once there are tools; Anthropic documents up to 700
RENDERED = 2  # times: a schema is written out again as a type or a grammar


def most_input(prompt: Prompt) -> int:
    """An upper bound of the tokens of `prompt`."""
    total = PER_CALL + _text(prompt.system)
    for message in prompt.messages:
        total += PER_MESSAGE + _text(message.content)
        for call in message.calls:
            total += PER_MESSAGE + _text(call.name) + _json(call.arguments) + len(call.id)
        total += len(message.answers)
    for tool in prompt.tools:
        size = _text(tool.name) + _text(tool.description) + _json(tool.schema)
        total += PER_MESSAGE + RENDERED * size
    if prompt.shape is not None:
        total += RENDERED * _json(prompt.shape)
    if prompt.tools or prompt.shape is not None:
        total += FOR_TOOLS
    return total


def text_tokens(text: str) -> int:
    """An upper bound of the tokens of an answer's text."""
    return _text(text)


def _text(text: str) -> int:
    """Bytes, or those of the compatibility form where a tokenizer that normalizes gets more."""
    plain = len(text.encode(errors="replace"))
    if text.isascii():
        return plain
    return max(plain, len(unicodedata.normalize("NFKC", text).encode(errors="replace")))


def _json(value: Mapping[str, Any]) -> int:
    return _text(json.dumps(value, ensure_ascii=False, default=dict))
