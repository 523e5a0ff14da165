"""Material: what a model is to look things up in: a part of what a user gave, no system text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from p42.model.completion import Message


def shown_with(material: str, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation with the material in front of it; in the first message where a user has it:
    some models take no two of one side in a row.
    """
    if not material:
        return tuple(messages)
    if not messages or messages[0].role != "user":
        return (Message("user", material), *messages)
    first = replace(messages[0], content=f"{material}\n\n{messages[0].content}")
    return (first, *messages[1:])
