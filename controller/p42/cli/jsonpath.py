r"""JSONPath: kubectl's dialect, as a list of selectors applied in turn.

    .spec.model   ['p42.dev/paused']   .annotations.p42\.dev/paused   $   @
    [0] [-1] [0:2] [0,2] [*] .*   ..name
    [?(@.kind=="Agent")]  [?(@.status.port > 42000)]  [?(@.spec.forge)]

A field that is not there selects nothing, as in kubectl; a path that cannot be read is InvalidInput
with a caret. No expressions beyond one comparison: those belong to jq.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from p42.model.errors import InvalidInput

Selector = Callable[[Any], Iterator[Any]]

_FIELD = re.compile(r"(?:[^.\[\]{}()\\\s'\"=!<>*?@$,]|\\.)+")
_INTEGER = re.compile(r"-?\d+\Z")
_SLICE = re.compile(r"(-?\d*):(-?\d*)(?::(\d*))?\Z")
_OPERATOR = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WORDS = {"true": True, "false": False, "null": None}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def parse(text: str) -> tuple[Selector, ...]:
    """The selectors of a path such as `.items[*].metadata.name`; a first `.` may be left out."""
    found = _Parser(text)
    selectors = found.path()
    if found.at < len(text):
        raise found.error("does not belong to a path")
    return selectors


def select(selectors: Sequence[Selector], value: Any) -> list[Any]:
    """Everything the path leads to, in order."""
    values = [value]
    for selector in selectors:
        values = [found for each in values for found in selector(each)]
    return values


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, message: str) -> InvalidInput:
        caret = " " * (self.at + 2) + "^"
        return InvalidInput(f"jsonpath: {message}\n  {self.text}\n{caret}")

    def path(self) -> tuple[Selector, ...]:
        selectors: list[Selector] = []
        if self._next("$") or self._next("@"):
            pass
        elif _FIELD.match(self.text, self.at):
            selectors.append(_field(self._field()))
        while True:
            if self._next(".."):
                selectors.append(_everything_below)
                if not self.text.startswith("[", self.at):
                    selectors.append(self._member())
            elif self._next("."):
                if self.at < len(self.text):  # "." alone is the whole
                    selectors.append(self._member())
            elif self._next("["):
                selectors.append(self._bracket())
            else:
                return tuple(selectors)

    def _member(self) -> Selector:
        return _children if self._next("*") else _field(self._field())

    def _field(self) -> str:
        match = _FIELD.match(self.text, self.at)
        if match is None:
            raise self.error("a field's name is missing here")
        self.at = match.end()
        return re.sub(r"\\(.)", r"\1", match[0])

    def _bracket(self) -> Selector:
        if self._next("?("):
            chosen = self._filter()
            self._expect(")")
            self._expect("]")
            return chosen
        parts = [self._part()]
        while self._next(","):
            parts.append(self._part())
        self._expect("]")
        return parts[0] if len(parts) == 1 else _union(parts)

    def _part(self) -> Selector:
        self._spaces()
        if self.text[self.at : self.at + 1] in ("'", '"'):
            return _field(str(self._quoted()))
        if self._next("*"):
            return _children
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ",]":
            self.at += 1
        word = self.text[start : self.at].strip()
        if _INTEGER.match(word):
            return _index(int(word))
        if match := _SLICE.match(word):
            return _slice(slice(*(int(part) if part else None for part in match.groups())))
        self.at = start
        raise self.error("expected a number, a slice, * or a 'quoted' name")

    def _filter(self) -> Selector:
        self._spaces()
        if not self.text.startswith("@", self.at):
            raise self.error("a filter begins with @")
        left = self.path()
        operator = _OPERATOR.match(self.text, self.at)
        if operator is None:
            self._spaces()
            return _keep(lambda item: bool(select(left, item)))
        self.at = operator.end()
        right = self._literal()
        self._spaces()
        compare = _COMPARE[operator[1]]
        return _keep(lambda item: any(_holds(compare, v, right) for v in select(left, item)))

    def _literal(self) -> Any:
        if self.text[self.at : self.at + 1] in ("'", '"'):
            return self._quoted()
        if match := _NUMBER.match(self.text, self.at):
            self.at = match.end()
            return float(match[0]) if match[1] else int(match[0])
        for word, value in _WORDS.items():
            if self._next(word):
                return value
        raise self.error("compare with a 'string', a number, true, false or null")

    def _quoted(self) -> str:
        quote, end = self.text[self.at], self.at + 1
        while end < len(self.text) and self.text[end] != quote:
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise self.error("this quote is not closed")
        inside = self.text[self.at + 1 : end]
        self.at = end + 1
        return re.sub(r"\\(.)", r"\1", inside)

    def _next(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def _spaces(self) -> None:
        while self._next(" "):
            pass

    def _expect(self, token: str) -> None:
        self._spaces()
        if not self._next(token):
            raise self.error(f"expected {token} here")


def _field(name: str) -> Selector:
    def pick(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return pick


def _index(number: int) -> Selector:
    def pick(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= number < len(value):
            yield value[number]

    return pick


def _slice(part: slice) -> Selector:
    def pick(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[part]

    return pick


def _union(parts: Sequence[Selector]) -> Selector:
    return lambda value: (found for part in parts for found in part(value))


def _keep(holds: Callable[[Any], bool]) -> Selector:
    return lambda value: (item for item in _children(value) if holds(item))


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()


def _everything_below(value: Any) -> Iterator[Any]:
    yield value
    for child in _children(value):
        yield from _everything_below(child)


def _holds(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    try:
        return compare(left, right)
    except TypeError:  # "a" < 3: they cannot be ordered, so it does not hold
        return False
