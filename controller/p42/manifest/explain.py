"""Explain: what a field means, from the same schemas that judge it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from p42.manifest.kindbook import KindBook, KindEntry, Schema, deref
from p42.manifest.sentences import did_you_mean
from p42.model.errors import InvalidInput

WIDTH = 96  # columns; fits a terminal of 100
_WORDS = {"string": "text", "integer": "whole number", "boolean": "true|false"}


def explain(field: str, *, recursive: bool = False, book: KindBook | None = None) -> str:
    """The text for `KIND`, `KIND.spec.field` or, for short, `KIND.field`; "" lists the kinds.

    Raises InvalidInput with a suggestion for what there is not.
    """
    book = book or KindBook.load()
    word, *path = [part.removesuffix("[]") for part in field.split(".") if part] or [""]
    if not word:
        return "\n".join(_kind_line(entry) for entry in book.entries.values()) + "\n"
    entry = book.find(word)
    if entry is None:
        hint = did_you_mean(word, book.names) or f"known are {', '.join(book.names)}"
        raise InvalidInput(f"{word!r} is no kind ({hint})")
    full, node = _find(entry, path)
    lines = [".".join((entry.name, *full)) + f"  <{type_of(node, entry.schema)}>", ""]
    lines += _wrapped(str(node.get("description", "")), "  ")
    lines += _facts(node, entry.schema)
    inner = _fields(node, entry.schema)
    if inner:
        lines += ["", "FIELDS", *_listed(node, entry.schema, recursive=recursive)]
    return "\n".join(lines) + "\n"


def type_of(node: Schema, root: Schema) -> str:
    """The type in words: `list of text`, `model|process|remote`."""
    node = deref(node, root)
    if "enum" in node:
        return "|".join(str(option) for option in node["enum"])
    if "const" in node:
        return str(node["const"])
    kind = node.get("type")
    if kind == "array":
        return f"list of {type_of(node.get('items', {}), root)}"
    if kind == "object" and isinstance(node.get("additionalProperties"), dict):
        values = node["additionalProperties"]
        return f"mapping of {type_of(values, root)}" if values else "mapping"
    if kind == "object":
        return "mapping"
    choices = node.get("anyOf") or node.get("oneOf")
    if kind is None and choices:
        return " or ".join(dict.fromkeys(type_of(choice, root) for choice in choices))
    return _WORDS.get(str(kind), str(kind or "any"))


def _kind_line(entry: KindEntry) -> str:
    return f"{entry.name:<14} {entry.short:<6} {entry.schema.get('description', '')}".rstrip()


def _find(entry: KindEntry, path: list[str]) -> tuple[tuple[str, ...], Schema]:
    found = _descend(entry.schema, path, entry.schema)
    if found is not None:
        return tuple(path), found
    short = ("spec", *path)
    found = _descend(entry.schema, list(short), entry.schema)
    if found is not None:
        return short, found
    parent = entry.schema
    shown = [] if path[0] in entry.schema["properties"] else ["spec"]
    for part in [*shown, *path]:
        inner = _descend(parent, [part], entry.schema)
        if inner is None:
            known = list(_fields(parent, entry.schema))
            hint = did_you_mean(part, known) or (
                f"known are {', '.join(known)}" if known else "it has no fields"
            )
            raise InvalidInput(f"{'.'.join((entry.name, *shown))} has no field {part!r} ({hint})")
        parent = inner
        shown = [*shown, part] if part not in shown else shown
    return tuple(path), parent


def _descend(node: Schema, path: list[str], root: Schema) -> Schema | None:
    node = deref(node, root)
    for part in path:
        fields = _fields(node, root)
        if part not in fields:
            return None
        node = deref(fields[part], root)
    return node


def _fields(node: Schema, root: Schema) -> dict[str, Schema]:
    """The fields of a mapping, or of the items of a list or mapping of mappings."""
    node = deref(node, root)
    if node.get("properties"):
        found: dict[str, Schema] = node["properties"]
        return found
    for word in ("items", "additionalProperties"):
        if isinstance(node.get(word), dict):
            return _fields(node[word], root)
    merged: dict[str, Schema] = {}
    for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        merged |= _fields(choice, root) if isinstance(choice, dict) else {}
    return merged


def _facts(node: Schema, root: Schema) -> Iterator[str]:
    words = {"default": "default", "minimum": "at least", "maximum": "at most",
             "pattern": "pattern", "examples": "examples"}  # fmt: skip
    for word, shown in words.items():
        if word in node and node[word] not in ({}, [], ()):
            yield from ("", f"  {shown}: {_value(node[word])}") if word == "default" else (
                f"  {shown}: {_value(node[word])}",)  # fmt: skip
    if "x-p42-refers" in node:
        yield f"  names: {node['x-p42-refers']}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _listed(node: Schema, root: Schema, *, recursive: bool, depth: int = 1) -> Iterator[str]:
    node = deref(node, root)
    required = set(node.get("required", ()))
    for name, child in _fields(node, root).items():
        whole = deref(child, root)
        mark = " (required)" if name in required else ""
        yield f"{'  ' * depth}{name}  <{type_of(child, root)}>{mark}"
        yield from _wrapped(str(whole.get("description", "")), "  " * (depth + 2))
        if recursive and depth < 8:  # no spec is deeper; ends recursive schemas
            yield from _listed(whole, root, recursive=True, depth=depth + 1)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
