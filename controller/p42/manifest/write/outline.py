"""Outline: where the top-level keys of each document begin and end, and what all else says.

Built from the parser's events, not from its nodes: an event has the place of an alias where it
stands, and two lists of events tell whether two texts mean the same by any reading of scalars.

Marks count characters. The end of a block collection runs over the comments after it
(reference/controllers.md, section 4), so a value ends where its last scalar, alias or flow
collection does. A block scalar's end lies behind the blank lines after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from p42.manifest import prescan
from p42.manifest.finding import Malformed
from p42.manifest.values import BOOL, EXACT, FLOAT, INT, NULL, plain_tag

# An event without its place: its type, then anchor, value, tag, style: whatever tells its meaning.
Said = tuple[Any, ...]


class Refused(Exception):
    """This document's status cannot be written into the file. `str()` says why, for a person."""


@dataclass(slots=True)
class Pair:
    """A top-level key and its value: character offsets, and its part `[first, last)` of `said`."""

    key: str | None  # None: the key is no scalar
    key_start: int
    first: int
    value_end: int = 0
    last: int = 0


@dataclass(slots=True)
class Outlined:
    """One document, empty ones included. `pairs` is empty unless its root is a mapping."""

    said: list[Said] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    mapping: bool = False
    flow: bool = False
    root_start: int = 0
    column: int = 0  # of the root mapping's keys, in block style

    def find(self, key: str) -> Pair | None:
        """The pair of that key. Refused if it stands twice."""
        found = [pair for pair in self.pairs if pair.key == key]
        if len(found) > 1:
            raise Refused(f"the key {key!r} stands twice")
        return found[0] if found else None

    def without(self, pair: Pair | None) -> list[Said]:
        """All that is said but by `pair`."""
        return self.said if pair is None else self.said[: pair.first] + self.said[pair.last :]

    def anchored(self, pair: Pair) -> bool:
        """Whether there is an anchor on the key, the value or inside it."""
        return any(
            len(what) > 2 and what[1] is not None for what in self.said[pair.first : pair.last]
        )

    def value(self, pair: Pair) -> Any:
        """The JSON value of `pair`. ValueError where it has tags, aliases or what JSON lacks."""
        value, rest = _value(self.said, pair.first + 1)
        if rest != pair.last:
            raise ValueError("the pair does not end where its value does")
        return value


def outline(text: str) -> list[Outlined]:
    """All documents of `text`, which has no byte order mark. Refused if it does not parse."""
    parser = None
    try:
        prescan.scan(text)
        parser = CParser(text)
        return _documents(parser)
    except (Malformed, yaml.YAMLError):
        raise Refused("the file does not parse") from None
    finally:
        if parser is not None:
            parser.dispose()


def _documents(parser: Any) -> list[Outlined]:
    found: list[Outlined] = []
    event = parser.get_event()  # the start of the stream
    while parser.check_event(DocumentStartEvent):
        event = parser.get_event()
        document = Outlined([(DocumentStartEvent, event.explicit, event.version, event.tags)])
        found.append(document)
        event = parser.get_event()
        document.mapping = type(event) is MappingStartEvent
        if document.mapping:
            document.flow = bool(event.flow_style)
            document.root_start = event.start_mark.index
            document.said.append(_opened(event))
            _pairs(parser, document)
        else:
            _follow(parser.get_event, event, document.said)
        document.said.append((DocumentEndEvent, parser.get_event().explicit))
    return found


def _pairs(parser: Any, document: Outlined) -> None:
    """The content of the root mapping, with its end."""
    said, get = document.said, parser.get_event
    while type(event := get()) is not MappingEndEvent:
        key = event.value if type(event) is ScalarEvent else None
        mark = event.start_mark
        if not document.pairs:
            document.column = mark.column
        pair = Pair(key, mark.index, len(said))
        document.pairs.append(pair)
        _follow(get, event, said)
        pair.value_end = _follow(get, get(), said)
        pair.last = len(said)
    said.append((MappingEndEvent,))


def _follow(get: Callable[[], Any], event: Any, said: list[Said]) -> int:
    """Note the node that begins with `event`; returns where its last part with a true end ends.

    `get` gives the next event.
    """
    flows: list[Any] = []  # the open collections: whether in flow style
    last = event  # of those with a true end
    note = said.append
    while True:
        kind = type(event)
        if kind is ScalarEvent:
            note((kind, event.anchor, event.value, event.tag, event.implicit, event.style))
            last = event
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            note(_opened(event))
            flows.append(event.flow_style)
            event = get()
            continue
        elif kind is AliasEvent:
            note((kind, event.anchor))
            last = event
        else:
            note((kind,))
            if flows.pop():
                last = event
        if not flows:
            return int(last.end_mark.index)
        event = get()


def _opened(event: Any) -> Said:
    return type(event), event.anchor, event.tag, event.implicit, event.flow_style


def _value(said: list[Said], at: int) -> tuple[Any, int]:
    """The value that begins at `said[at]`, and where the next begins."""
    what = said[at]
    if what[0] is ScalarEvent:
        return _scalar(what), at + 1
    at += 1
    if what[0] is SequenceStartEvent and what[2] is None:
        items = []
        while said[at][0] is not SequenceEndEvent:
            item, at = _value(said, at)
            items.append(item)
        return items, at + 1
    if what[0] is MappingStartEvent and what[2] is None:
        mapping: dict[str, Any] = {}
        while said[at][0] is not MappingEndEvent:
            key, at = _value(said, at)
            if not isinstance(key, str) or key in mapping:
                raise ValueError("a key that is no string, or stands twice")
            mapping[key], at = _value(said, at)
        return mapping, at + 1
    raise ValueError("an alias or a tag")


def _scalar(what: Said) -> Any:
    _, _, value, tag, implicit, _ = what
    if tag is not None:
        raise ValueError("a tag")
    kind = plain_tag(value) if implicit[0] else ""  # not implicit: quoted, or a block scalar
    if kind == NULL:
        return None
    if kind == BOOL:
        return value.lower() == "true"
    if kind == INT:
        return int(value)
    if kind == FLOAT:
        number = float(value)
        return int(number) if number.is_integer() and abs(number) < EXACT else number
    return value
