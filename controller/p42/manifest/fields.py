"""Fields: one value in a manifest set or taken out, every other byte as it was. Pure.

For commands that edit manifests on a person's behalf (`p42 account use`). What comes back has been
parsed again and says what the old text said but for that one value; where that cannot be had the
answer is `Refused`, and the person is shown what to write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from p42.manifest.finding import Malformed
from p42.manifest.parse import Document, parse

Path = tuple[str, ...]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./:@+-]*\Z")  # texts that need no quotes
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class Refused(Exception):
    """The edit cannot be made without touching more than it should. `str()` says why."""


def with_field(text: str, document: int, path: Path, value: Any) -> str:
    """`text` whose document number `document` has `value` at `path`; None takes the field out.

    `path` leads through mappings; those that are missing are made.
    """
    found = _document(text, document)
    wanted = _changed(found.build(), path, value)
    if found.shared:
        raise Refused("the document uses anchors")
    for new in _edits(text, found.node, path, value):
        try:
            after = _document(new, document).build()
        except Malformed:
            continue
        if after == wanted and len(parse(new)) == len(parse(text)):
            return new
    raise Refused("the field stands in a form that is not understood")


def inline(value: Any) -> str:
    """`value` on one line, as a person would write it: `[a, b]`, `{input: 3}`, `"5m: x"`."""
    match value:
        case str():
            plain = _PLAIN.match(value) and value.lower() not in _WORDS and not value.endswith(":")
            return value if plain and ": " not in value else json.dumps(value, ensure_ascii=False)
        case dict():
            return "{" + ", ".join(f"{inline(k)}: {inline(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(inline(item) for item in value) + "]"
        case _:
            return json.dumps(value)


def _document(text: str, index: int) -> Document:
    for found in parse(text):
        if found.index == index:
            return found
    raise Refused(f"there is no document {index} in it")


def _changed(old: Any, path: Path, value: Any) -> Any:
    if not isinstance(old, dict):
        raise Refused(f"{path[0]} is to stand in something that is no mapping")
    key, rest = path[0], path[1:]
    new = dict(old)
    if rest:
        inner = _changed(old.get(key) or {}, rest, value)
        new[key] = inner
        if value is None and key not in old:
            del new[key]
    elif value is None:
        new.pop(key, None)
    else:
        new[key] = value
    return new


def _edits(text: str, root: Node, path: Path, value: Any) -> Iterator[str]:
    """What may do it, best first; nothing here is trusted."""
    node, depth = root, 0
    while True:
        if not isinstance(node, MappingNode):
            raise Refused(f"{'.'.join(path[:depth])} is no mapping")
        pair = next((p for p in node.value if p[0].value == path[depth]), None)
        if pair is None or depth == len(path) - 1:
            break
        node, depth = pair[1], depth + 1
    if pair is not None:
        yield _replaced(text, pair, value) if value is not None else _cut(text, node, pair)
    elif value is None:
        yield text
    else:
        for key in reversed(path[depth + 1 :]):
            value = {key: value}
        yield from _insertions(text, node, path[depth], value)


def _replaced(text: str, pair: tuple[Node, Node], value: Any) -> str:
    key, old = pair
    _must_be_simple(text, old)
    start = text.index(":", key.end_mark.index) + 1
    end = _end(text, old)
    new = json.dumps(value, ensure_ascii=False) if _is_json(key) else inline(value)
    return f"{text[:start]} {new}{text[max(end, start) :]}"


def _cut(text: str, node: MappingNode, pair: tuple[Node, Node]) -> str:
    key, old = pair
    _must_be_simple(text, old)
    if len(node.value) == 1:
        raise Refused(f"{key.value} is the only field there")
    if node.flow_style:
        at = node.value.index(pair)
        if at:
            return text[: _end(text, node.value[at - 1][1])] + text[_end(text, old) :]
        return text[: key.start_mark.index] + text[node.value[1][0].start_mark.index :]
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    end = text.find("\n", _end(text, old))
    return text[:start] + ("" if end < 0 else text[end + 1 :])


def _insertions(text: str, node: MappingNode, key: str, value: Any) -> Iterator[str]:
    new = f"{key}: {inline(value)}"
    if not node.value:
        at = node.start_mark.index + 1
        yield f"{text[:at]}{new}{text[at:]}"
        return
    first, last = node.value[0][0], _end(text, node.value[-1][1])
    if node.flow_style:
        if _is_json(first):
            new = f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        yield f"{text[:last]}, {new}{text[last:]}"
        return
    start = first.start_mark.index
    margin = text[text.rfind("\n", 0, start) + 1 : start]
    eol = "\r\n" if "\r\n" in text else "\n"
    behind = text.find("\n", last) + 1
    if behind:
        yield f"{text[:behind]}{margin}{new}{eol}{text[behind:]}"
    yield f"{text[:start]}{new}{eol}{margin}{text[start:]}"


def _is_json(key: Node) -> bool:
    return isinstance(key, ScalarNode) and key.style == '"'


def _must_be_simple(text: str, node: Node) -> None:
    """A comment between the lines of a value would go with it."""
    inner = text[node.start_mark.index : _end(text, node)]
    if not isinstance(node, ScalarNode) and "#" in inner:
        raise Refused("there are comments inside the value")
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        raise Refused("its value is a block of text")


def _end(text: str, node: Node) -> int:
    """Where the value ends: a block collection's own mark runs over the comments behind it."""
    while isinstance(node, CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    return len(text[:end].rstrip()) if isinstance(node, ScalarNode) and node.style else end
