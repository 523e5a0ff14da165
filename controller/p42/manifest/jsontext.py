"""JSON text: the same nodes with places as from YAML, for manifests in `.json` files.

libyaml reads most of JSON, but not surrogate pairs in escapes; and what is no JSON (comments, a
comma too many) would pass here and fail in every other tool.
"""

from __future__ import annotations

import re
from json import decoder
from typing import Any

from yaml.error import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from p42.manifest.finding import Finding, Malformed
from p42.manifest.prescan import DEPTH_LIMIT, too_deep
from p42.manifest.values import BOOL, FLOAT, INT, MAP, NULL, SEQ, STR

_scanstring: Any = decoder.scanstring  # type: ignore[attr-defined]  # in C; typeshed lacks it
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"true": BOOL, "false": BOOL, "null": NULL}


class JsonText:
    """Reads one JSON value that fills its text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 0  # of `_counted`; marks are made in the order of the text
        self._counted = 0

    def read(self) -> Node | None:
        """The root node; None if there is nothing but space. Malformed if it is no JSON."""
        if not self._peek():
            return None
        node = self._value(0)
        if self._peek():
            raise self._unexpected("the end of the file")
        return node

    def _peek(self) -> str:
        """The next character that is no space, "" at the end."""
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match is not None else self._at
        return self._text[self._at : self._at + 1]

    def _value(self, depth: int) -> Node:
        if depth > DEPTH_LIMIT:
            raise Malformed(too_deep(self._at))
        first = self._peek()
        if first == "{":
            return self._collection("}", depth)
        if first == "[":
            return self._collection("]", depth)
        return self._string() if first == '"' else self._word()

    def _collection(self, close: str, depth: int) -> Node:
        start = self._mark()
        self._at += 1
        content: list[Any] = []
        while self._peek() != close:
            if content:
                self._take(",", f"a comma or {close}")
            content.append(self._pair(depth) if close == "}" else self._value(depth + 1))
        self._at += 1
        if close == "}":
            return MappingNode(MAP, content, start, self._mark())
        return SequenceNode(SEQ, content, start, self._mark())

    def _pair(self, depth: int) -> tuple[Node, Node]:
        if self._peek() != '"':
            raise self._unexpected("a key in double quotes")
        key = self._string()
        self._take(":", "a colon")
        return key, self._value(depth + 1)

    def _string(self) -> Node:
        start = self._mark()
        try:
            value, self._at = _scanstring(self._text, start.index + 1, True)
        except ValueError:
            flaw = self._flaw(start.index, "a string that does not end, or a bad escape in it")
            raise Malformed(flaw) from None
        if any("\ud800" <= c <= "\udfff" for c in value):
            flaw = self._flaw(start.index, "half a surrogate pair, which is no character")
            raise Malformed(flaw)
        return ScalarNode(STR, value, start, self._mark(), '"')

    def _word(self) -> Node:
        start = self._mark()
        for word, tag in _WORDS.items():
            if self._text.startswith(word, start.index):
                self._at += len(word)
                return ScalarNode(tag, word, start, self._mark(), "")
        match = _NUMBER.match(self._text, start.index)
        if match is None:
            raise self._unexpected("a value")
        self._at = match.end()
        tag = FLOAT if match[1] or match[2] else INT
        return ScalarNode(tag, match[0], start, self._mark(), "")

    def _take(self, wanted: str, name: str) -> None:
        if self._peek() != wanted:
            raise self._unexpected(name)
        self._at += 1

    def _unexpected(self, wanted: str) -> Malformed:
        return Malformed(self._flaw(self._at, f"expected {wanted} here"))

    def _flaw(self, at: int, message: str) -> Finding:
        at = min(at, max(0, len(self._text) - 1))
        return Finding(at, at + 1, "not-json", f"not JSON: {message}")

    def _mark(self) -> Mark:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return Mark("", self._at, self._line, 0, None, 0)
