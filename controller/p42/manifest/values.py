"""Values: YAML 1.2 core scalars, and nodes turned into JSON values.

`no` is a string, `42:10` is a string, `010` is ten, `0o10` is eight, dates are strings. Numbers
that JSON cannot hold are errors. Keys are strings and stand once. Explicit tags and merge keys are
refused: YAML 1.2 has no merge keys, and a tag can only say what the schema says already.

A float without a fraction becomes an integer, because JSON Schema sees no difference between 1.0
and 1, and what the schema accepts has to be accepted everywhere.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from p42.manifest.finding import MOST, Finding
from p42.manifest.prescan import DEPTH_LIMIT, too_deep

# Tags of implicit nodes. Explicit ones come from the parser spelled out, so they are none of these.
STR, NULL, BOOL, INT, FLOAT, BAD, MAP, SEQ = "s", "n", "b", "i", "f", "!nan", "m", "l"

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_FIRST = frozenset("0123456789+-.")  # of every number
_WORDS = {**dict.fromkeys(_NULLS, NULL), **dict.fromkeys(_BOOLS, BOOL)}

EXACT = 2**53  # up to here floats hold every integer
LARGEST, SMALLEST = 2**64 - 1, -(2**63)  # what SQLite, orjson and other readers of JSON take
DIGITS = 40  # no integer in range is longer, whatever its base and its leading zeros


@lru_cache(maxsize=4096)  # the same few keys come again in every file
def plain_tag(value: str) -> str:
    """The tag of a plain (unquoted) scalar."""
    if value[:1] not in _FIRST:
        return _WORDS.get(value, STR)
    if _INT.match(value):
        return INT
    if _FLOAT.match(value):
        return FLOAT
    return BAD if _NOT_FINITE.match(value) else STR


class Builder:
    """Builds the value of a document without aliases. What it could not build: `findings`."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def build(self, node: Node, depth: int = 0) -> Any:
        """The JSON value of `node`, which `depth` collections surround; None for what is wrong."""
        if type(node) is ScalarNode:
            return node.value if node.tag == STR and node.style != '"' else self._scalar(node)
        if depth >= DEPTH_LIMIT:
            self.deep(node)
            return None
        if type(node) is MappingNode:
            return self._mapping(node, depth + 1)
        if node.tag != SEQ:
            self._tagged(node)
        return [self.build(item, depth + 1) for item in node.value]

    def _scalar(self, node: ScalarNode) -> Any:
        tag, value = node.tag, node.value
        if tag == STR:
            if "\0" in value:
                self.note(node, "bad-value", "holds a NUL character")
            return value
        if tag == NULL:
            return None
        if tag == BOOL:
            return _BOOLS[value]
        if tag == INT:
            return self._int(node)
        if tag == FLOAT:
            return self._float(node)
        if tag == BAD:
            self.note(node, "not-finite", f"{value} is not a number that JSON can hold")
        else:
            self._tagged(node)
        return None

    def _int(self, node: ScalarNode) -> int | None:
        value = node.value
        base = {"0o": 8, "0x": 16}.get(value[:2], 10)
        number = int(value[2:] if base != 10 else value, base) if len(value) <= DIGITS else None
        if number is None or not SMALLEST <= number <= LARGEST:
            self.note(node, "too-large", f"{value[:DIGITS]} is out of the range of numbers")
            return None
        return number

    def _float(self, node: ScalarNode) -> int | float | None:
        number = float(node.value)
        if not math.isfinite(number):
            self.note(node, "not-finite", f"{node.value[:DIGITS]} is out of the range of numbers")
            return None
        return int(number) if number.is_integer() and abs(number) < EXACT else number

    def _mapping(self, node: Node, depth: int) -> dict[str, Any]:
        if node.tag != MAP:
            self._tagged(node)
        result: dict[str, Any] = {}
        for key, value in node.value:
            if type(key) is not ScalarNode or key.tag != STR:
                self._bad_key(key)
                continue
            name = key.value
            if not name:
                self.note(key, "bad-key", "an empty key")
                continue
            if name in result:
                self._twice(node, key)
                continue
            if name == "<<" and not key.style:
                self.note(key, "merge-key", "merge keys are not part of YAML 1.2",
                           suggestion="write the fields out")  # fmt: skip
                continue
            result[name] = self.build(value, depth)
        return result

    def _twice(self, node: Node, key: Node) -> None:
        if len(self.findings) < MOST:
            first = next(k.start_mark.line + 1 for k, _ in node.value if k.value == key.value)
            message = f"key {key.value!r} stands twice in one mapping"
            self.note(key, "duplicate-key", message, suggestion=f"the first is in line {first}")

    def _bad_key(self, key: Node) -> None:
        if type(key) is ScalarNode and key.tag in (NULL, BOOL, INT, FLOAT, BAD):
            shown = key.value or "an empty key"
            self.note(key, "bad-key", f"{shown} is not a string, and keys are",
                       suggestion=f'write "{key.value}"')  # fmt: skip
        elif type(key) is ScalarNode:
            self._tagged(key)
        else:
            self.note(key, "bad-key", "a list or mapping cannot be a key")

    def _tagged(self, node: Node) -> None:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        self.note(node, "tag", f"tag {tag} is refused", suggestion="take the tag out")

    def deep(self, node: Node) -> None:
        """Add a finding at `node`, which lies too deep."""
        if len(self.findings) < MOST:
            self.findings.append(too_deep(node.start_mark.index))

    def note(self, node: Node, code: str, message: str, *, suggestion: str = "") -> None:
        """Add a finding at `node`, or at the beginning of a collection; up to MOST of them."""
        if len(self.findings) >= MOST:
            return
        at, end = node.start_mark.index, node.end_mark.index
        if type(node) is SequenceNode or type(node) is MappingNode:
            end = at + 1
        self.findings.append(Finding(at, end, code, message, suggestion=suggestion))
