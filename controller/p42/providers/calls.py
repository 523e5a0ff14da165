"""Calls: what a model asks to be called in one reply, as it comes over a vendor's wire.

The arguments are the model's own writing, not the vendor's protocol: where they are no JSON object,
the call goes on without them and says so (`ToolCall.wrong`), so that the model can say it better.
An id is the vendor's word, and some servers give one to two calls: a later one gets another, since
a result could not be told which it answers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from p42.model.completion import ToolCall

LONGEST = 128  # characters of an id; those of vendors have 9 to 60
MOST_DIGITS = 20  # of a whole number: 64 bits, which is all that writers of JSON here take
SHOWN = 100  # characters of what a parser says
_KINDS = {list: "a list", str: "a text", bool: "a boolean", type(None): "null"}


class Calls:
    """The ids of one reply's calls."""

    def __init__(self) -> None:
        self._given = dict[str, int]()  # each with how often it was asked for: ten thousand may be

    def name(self, id_: str) -> str:
        """`id_`, or what stands for it: of printable characters, and no other call's."""
        base = "".join(each for each in id_ if each.isprintable())[:LONGEST] or "call"
        found = base
        while found in self._given:
            self._given[base] += 1
            found = f"{base}-{self._given[base]}"
        self._given[found] = 1
        return found


def call_of(id_: str, name: str, text: str) -> ToolCall:
    """The call with the arguments in `text`; "" = there are none. Never raises."""
    try:
        found = strict(text or "{}", whole=_int)
    except ValueError as error:
        return ToolCall(id_, name, {}, f"the arguments are no JSON object: {str(error)[:SHOWN]}")
    except RecursionError:
        return ToolCall(id_, name, {}, "the arguments are nested too deep")
    if not isinstance(found, dict):
        kind = _KINDS.get(type(found), "a number")
        return ToolCall(id_, name, {}, f"the arguments are no JSON object: they are {kind}")
    return ToolCall(id_, name, found)


def strict(text: str | bytes, *, whole: Callable[[str], int] = int) -> Any:
    """JSON with no number that JSON does not have. ValueError, RecursionError for what is none.

    Python's reads NaN, and makes infinity of 1e400; what holds them cannot be written again.
    """
    return json.loads(text, parse_constant=_refused, parse_float=_float, parse_int=whole)


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _float(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"{text[:MOST_DIGITS]} is too big a number")
    return found


def _int(text: str) -> int:
    if len(text) <= MOST_DIGITS and -(1 << 63) <= (found := int(text)) < 1 << 64:
        return found
    raise ValueError(f"{text[:MOST_DIGITS]}... is a number of more than 64 bits")
