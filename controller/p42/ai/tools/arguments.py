"""Toolarguments: whether what a model wants to call a tool with can be given to it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from p42.ai.tools.naming import LONGEST
from p42.model.completion import ToolCall

MOST = 64 * 1024  # characters of all texts and names together
DEEPEST = 16  # levels; no tool takes more than three
WIDEST = 2_000  # values
_OTHER = re.compile(r"[^A-Za-z0-9_-]")  # what vendors refuse in the name of a call
SHOWN = 200  # characters of what a validator says: it repeats the value
LEAST, MOST_WHOLE = -(1 << 63), (1 << 64) - 1  # what writers of JSON here take
EXACT = 1 << 53  # up to here a float of a whole number is that number (IEEE 754)


def fitted(call: ToolCall) -> tuple[ToolCall, str]:
    """The call as it can be shown, kept and sent to a vendor again; and what is wrong with it.

    What no tool could take is not repeated: its arguments are left out. That no two calls of a
    reply have one id is for who reads the reply (providers/calls.py).
    """
    name = _OTHER.sub("_", call.name)[:LONGEST] or "_"
    why = call.wrong or weighed(call.arguments)
    return ToolCall(call.id, name, {} if why else call.arguments), why


def fault(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What is wrong with them, in a sentence; "" = nothing.

    Weighed first, without recursion: a validator of schemas would go as deep as they do.
    """
    if why := weighed(arguments):
        return why
    import jsonschema_rs  # 26 ms, and only who calls a tool pays them

    validator = jsonschema_rs.validator_for(dict(schema))
    wrong = next(iter(validator.iter_errors(dict(arguments))), None)
    if wrong is None:
        return ""
    where = ".".join(str(part) for part in wrong.instance_path) or "arguments"
    return f"{where}: {wrong.message[:SHOWN]}"


def whole(value: Any) -> Any:
    """`value`, with a float of a whole number as that number: to a schema 1.0 is an integer.

    Only of what was weighed: it goes as deep as its argument.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return int(value)
    if isinstance(value, Mapping):
        return {key: whole(each) for key, each in value.items()}
    return [whole(each) for each in value] if isinstance(value, list | tuple) else value


def weighed(arguments: Mapping[str, Any], *, deepest: int = DEEPEST) -> str:
    """Why no tool can take them: too big, too deep, half characters, or numbers that nothing can
    keep; "" = nothing."""
    size = values = 0
    waiting: list[tuple[Any, int]] = [(arguments, 0)]
    while waiting:
        value, depth = waiting.pop()
        values += 1
        if depth > deepest or values > WIDEST:
            return f"arguments are nested deeper than {deepest} or hold over {WIDEST} values"
        for text in _texts(value):
            size += len(text)
            if size > MOST:
                return f"arguments are longer than {MOST} characters"
            if "\x00" in text or not _encodes(text):
                return "arguments hold a NUL or half a character, which nothing can take"
        if not _counts(value):
            return (
                "arguments hold NaN, infinity or a number of over 64 bits, which nothing can take"
            )
        waiting += [(each, depth + 1) for each in _below(value)]
    return ""


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return (value,)
    return [str(key) for key in value] if isinstance(value, Mapping) else ()


def _below(value: Any) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list | tuple) else ()


def _counts(value: Any) -> bool:
    """Whether it is no number, or one that JSON has and 64 bits hold."""
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or LEAST <= value <= MOST_WHOLE


def _encodes(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
