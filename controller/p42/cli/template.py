r"""Template: what follows `-o jsonpath=`: text with `{path}`, `{"\n"}`, `{range path}...{end}`.

A path alone, without braces, is taken as one, as kubectl does. Values are joined by a space;
strings come bare, everything else as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from p42.cli import jsonpath
from p42.model.errors import InvalidInput

Part = Callable[[Any], str]

_BRACED = re.compile(r"\{((?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[^{}\"'])*)\}")
_RANGE = re.compile(r"range\s+(.+)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def render(text: str, value: Any) -> str:
    """Fill the template from `value`. InvalidInput where it cannot be read."""
    if "{" not in text and "}" not in text:
        text = "{" + text + "}"
    pieces = _pieces(text)
    parts = _block(pieces, inside=False)
    return "".join(part(value) for part in parts)


def values(text: str, value: Any) -> list[Any]:
    """What one path, braced or not, leads to."""
    bare = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    return jsonpath.select(jsonpath.parse(bare.strip()), value)


def as_text(value: Any) -> str:
    """A string bare, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pieces(text: str) -> list[tuple[str, bool]]:
    """The template in order, from its end: (content, whether it stood in braces)."""
    pieces: list[tuple[str, bool]] = []
    at = 0
    for match in _BRACED.finditer(text):
        pieces.append((text[at : match.start()], False))
        pieces.append((match[1].strip(), True))
        at = match.end()
    pieces.append((text[at:], False))
    for content, braced in pieces:
        if not braced and ("{" in content or "}" in content):
            raise InvalidInput(f"jsonpath: a brace is not closed in {content!r}")
    return pieces[::-1]


def _block(pieces: list[tuple[str, bool]], *, inside: bool) -> list[Part]:
    parts: list[Part] = []
    while pieces:
        content, braced = pieces.pop()
        if not braced:
            parts.append(_constant(content))
        elif content == "end":
            if not inside:
                raise InvalidInput("jsonpath: {end} without {range}")
            return parts
        elif match := _RANGE.fullmatch(content):
            parts.append(_each(match[1].strip(), _block(pieces, inside=True)))
        else:
            parts.append(_value(content))
    if inside:
        raise InvalidInput("jsonpath: {range} without {end}")
    return parts


def _constant(text: str) -> Part:
    return lambda _value: text


def _value(content: str) -> Part:
    if content[:1] in ("'", '"'):
        return _constant(re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), content[1:-1]))
    path = jsonpath.parse(content)
    return lambda value: " ".join(map(as_text, jsonpath.select(path, value)))


def _each(content: str, body: list[Part]) -> Part:
    path = jsonpath.parse(content)
    return lambda value: "".join(
        part(item) for item in jsonpath.select(path, value) for part in body
    )
