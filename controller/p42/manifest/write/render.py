"""Render: a settled status as text. Equal values give equal bytes, on every machine.

`observedSpec` and `conditions` come first, then the facts by name. A scalar that any reader of
YAML, 1.1 or 1.2, might take for something else than a string is quoted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from p42.manifest.values import EXACT, LARGEST, SMALLEST

INDENT = 2
_FIRST_KEYS = ("observedSpec", "conditions")
_FIRST_OF_CONDITION = ("type", "status", "reason", "message")
# Words and digests. No `:` or `#` anywhere, nothing that flow style or a tag gives a meaning.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*(?: [A-Za-z0-9_./+-]+)*\Z")
_DIGEST = re.compile(r"(?=.*[acdf])[0-9a-f]{12}\Z")  # the lookahead: no number of any YAML
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# What JSON leaves as it is and YAML does not take, or takes for the end of a line.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make one for each call
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def canonical(status: Mapping[str, Any]) -> dict[str, Any]:
    """`status` in its order, of plain JSON types. ValueError for what JSON cannot hold."""
    if "" in status:
        raise ValueError("a key is empty")
    return {key: _ordered(status[key], key) for key in _order(status, _FIRST_KEYS)}


def block(status: Mapping[str, Any], column: int, eol: str) -> str:
    """The `status:` key in block style at `column`, without the last end of line.

    `status` is canonical.
    """
    lines = ["status:" if status else "status: {}"]
    for key, value in status.items():
        if key == "conditions" and isinstance(value, list) and value:
            lines.append(f"{' ' * INDENT}{scalar(key)}:")
            lines += [f"{' ' * 2 * INDENT}- {flow(item)}" for item in value]
        else:
            lines.append(f"{' ' * INDENT}{scalar(key)}: {flow(value)}")
    return eol.join(" " * column + line for line in lines)


def flow(value: Any) -> str:
    """A value on one line, in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value) if isinstance(value, str) else _json(value)


def scalar(text: str) -> str:
    """A string, quoted where it has to be."""
    plain = _PLAIN.match(text) and text.lower() not in _WORDS
    return text if plain or _DIGEST.match(text) else quoted(text)


def quoted(text: str) -> str:
    """A string in double quotes that JSON and YAML read the same."""
    return _UNPRINTABLE.sub(_escape, _json(text))


def as_json(value: Any, eol: str = "", margin: str = "", unit: str = "") -> str:
    """A value as JSON: on one line if `eol` is "", else a line for each part, after `margin`."""
    if not eol or not isinstance(value, (dict, list)) or not value:
        return _json_line(value)
    inner = margin + unit
    if isinstance(value, dict):
        parts = [f"{quoted(k)}: {as_json(v, eol, inner, unit)}" for k, v in value.items()]
        return "{" + eol + f",{eol}".join(inner + part for part in parts) + eol + margin + "}"
    parts = [as_json(item, eol, inner, unit) for item in value]
    return "[" + eol + f",{eol}".join(inner + part for part in parts) + eol + margin + "]"


def _json_line(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)}: {_json_line(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_json_line(item) for item in value) + "]"
    return quoted(value) if isinstance(value, str) else _json(value)


def _ordered(value: Any, key: str = "") -> Any:
    if isinstance(value, str):  # first, because most are
        return value if value.isascii() and "\0" not in value else _NO_TEXT.sub("\ufffd", value)
    if isinstance(value, Mapping):
        if "" in value:
            raise ValueError("a key is empty")
        first = _FIRST_OF_CONDITION if key == "conditions" else ()
        return {str(k): _ordered(value[k]) for k in _order(value, first)}
    if isinstance(value, (list, tuple)):
        return [_ordered(item, key) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a number that JSON can hold")
        return int(value) if value.is_integer() and abs(value) < EXACT else value
    if isinstance(value, int) and not SMALLEST <= value <= LARGEST:
        raise ValueError(f"{value} is out of the range of numbers")
    if value is None or isinstance(value, (bool, int)):
        return value
    raise ValueError(f"{type(value).__name__} is no JSON value")


def _order(mapping: Mapping[str, Any], first: Iterable[str]) -> list[str]:
    head = [key for key in first if key in mapping]
    return head + sorted(key for key in mapping if key not in head)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
