"""YAML text: what p42 writes of scripts and reads again: literal blocks, and JSON for the rest.

Read by events, never by recursion: libyaml's own composer crashes the process on deep nesting.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

DEEPEST = 16  # levels; a lock has six
_INDENTED = re.compile(r"\n*[ \t]")
# Plain words that no YAML, 1.1 or 1.2, takes for anything but a text.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_MEANING = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class Unreadable(ValueError):
    """It is not YAML of the kind that p42 writes; `str()` says where."""


def scalar(text: str) -> str:
    """A text on one line: bare if every reader takes it for a text, else as JSON writes it."""
    bare = _WORD.match(text) is not None and text.lower() not in _MEANING
    return text if bare else json.dumps(text, ensure_ascii=False)


def flow(value: Any) -> str:
    """Any JSON value on one line."""
    return json.dumps(value, ensure_ascii=False)


def literal(text: str, column: int) -> str:
    """What follows `key: `, with its last line break: a block at `column`, two deeper than its key.

    No control characters but tab and newline.
    """
    if not text.strip("\n"):
        return f"{json.dumps(text)}\n"  # no line to hang a block on
    chomps = "-" if not text.endswith("\n") else "+" if text.endswith("\n\n") else ""
    depth = "2" if _INDENTED.match(text) else ""  # else its first line says how deep it is
    margin = " " * column
    lines = text.removesuffix("\n").split("\n")
    body = "".join(f"{margin}{line}\n" if line else "\n" for line in lines)
    return f"|{depth}{chomps}\n{body}"


def read(data: bytes) -> Any:
    """The one document in `data`. Raises Unreadable, also for anchors, tags and deep nesting."""
    try:
        text = data.decode()
        return _built(yaml.parse(text, Loader=yaml.CLoader))
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else 1
        raise Unreadable(f"line {line}: {error.problem}") from None
    except yaml.YAMLError:
        raise Unreadable("it holds characters that YAML does not take") from None


def _built(events: Any) -> Any:
    """The value, from parser events."""
    done: list[Any] = []
    open_: list[list[Any]] = []
    documents = 0
    for event in events:
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1 or isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(f"line {_line(event)}: not as p42 writes it")
        match event:
            case yaml.ScalarEvent():
                (open_[-1] if open_ else done).append(_scalar(event))
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(open_) >= DEEPEST:
                    raise Unreadable(f"line {_line(event)}: nested too deeply")
                open_.append([])
            case yaml.MappingEndEvent():
                items = open_.pop()
                (open_[-1] if open_ else done).append(_mapping(items, event))
            case yaml.SequenceEndEvent():
                items = open_.pop()
                (open_[-1] if open_ else done).append(items)
    return done[0] if done else None


def _mapping(items: list[Any], event: Any) -> dict[str, Any]:
    keys, values = items[::2], items[1::2]
    if not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise Unreadable(f"line {_line(event)}: a key stands there twice")
    return dict(zip(keys, values, strict=True))


def _scalar(event: Any) -> Any:
    """Plain words that JSON knows are what JSON says; all else is text."""
    if event.tag is not None or event.style:
        return event.value
    if event.value in ("", "~"):
        return None
    try:
        return json.loads(event.value, parse_constant=_no_number)
    except ValueError:
        return event.value


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is a word here")
