"""Reply: the command specs in what a model said: fenced blocks marked json (CommonMark 4.5).

What the JSON parser says is what the script is: nothing is unescaped a second time. The original
learnt that by five fixes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

LONGEST = 256 << 10  # characters of a block, bytes of a script; a manifest has to stay under 1 MiB

_OPENS = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\s`]*)")
_CLOSES = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*$")
_SCRIPT = "implementation"
_CUT = (
    "the reply ends in the middle of its json block; ask for it again, or raise the agent's "
    "maxTokens"
)


class Unfit(ValueError):
    """It cannot become a command; `str()` is a sentence for a person, safe to show."""


class Found(NamedTuple):
    """A block. `problem`: why it holds no JSON object; `spec` is empty then.

    `meant`: it speaks of an implementation, as JSON in a talk about anything else does not.
    """

    spec: Mapping[str, Any]
    problem: str = ""
    meant: bool = False


def blocks(text: str) -> Iterator[Found]:
    """Every fenced block marked json, in order."""
    for body, closed in _fenced(text):
        try:
            spec = loaded(body)
            yield Found(spec, meant=_SCRIPT in spec)
        except Unfit as error:
            yield Found({}, str(error) if closed else _CUT, meant=_SCRIPT in body)


def loaded(text: str) -> Mapping[str, Any]:
    """The JSON object that `text` is. Unfit if it is none, or one that can be read in two ways."""
    if len(text) > LONGEST:
        raise Unfit(f"its json block is larger than {LONGEST >> 10} KiB")
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise Unfit(f"its json block is no JSON: {_where(error)}") from None
    except RecursionError:
        raise Unfit("its json block is nested too deeply") from None
    except Unfit:
        raise
    except ValueError:  # a number of thousands of digits
        raise Unfit("its json block is no JSON that can be read") from None
    if not isinstance(value, dict):
        raise Unfit("its json block is no object with name and implementation")
    return value


def shown(value: object) -> str:
    """`value` short, on one line and in plain ASCII, for a sentence."""
    text = ascii(value if isinstance(value, str) else str(value)[:200])
    return text if len(text) <= 62 else f"{text[:60]}..."


def _fenced(text: str) -> Iterator[tuple[str, bool]]:
    """Body of each block marked json, and whether it was closed."""
    lines = iter(text.split("\n"))
    for line in lines:
        opens = _OPENS.match(line)
        if opens is None:
            continue
        body, closed = _until(lines, opens[1])
        if opens[2].lower() == "json":
            yield "\n".join(body), closed


def _until(lines: Iterator[str], fence: str) -> tuple[Sequence[str], bool]:
    body: list[str] = []
    for line in lines:
        closes = _CLOSES.match(line.rstrip("\r"))
        if closes is not None and closes[1].startswith(fence):
            return body, True
        body.append(line)
    return body, False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Unfit("its json block gives one key twice")
    return value


def _constant(word: str) -> Any:
    raise Unfit(f"its json block is no JSON: {word} is no number")


def _where(error: json.JSONDecodeError) -> str:
    place = f"line {error.lineno}, column {error.colno}: {error.msg.lower()}"
    if "control character" in error.msg:
        return f"{place} (a line break inside a text is written \\n)"
    return place
