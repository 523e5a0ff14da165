"""Engines: two JSON Schema validators behind one face, with the same verdicts and the same words.

jsonschema-rs judges a document in 2 us where jsonschema takes 280, so the loop uses it; jsonschema
is for machines without its wheel, and for whoever wants to compare. What either says is reduced to
breaches (path, keyword, subschema); the sentences are made elsewhere, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple, Protocol

from p42.manifest.kindbook import Schema, deref
from p42.manifest.parse import Path

EngineName = Literal["auto", "jsonschema-rs", "jsonschema"]
ENGINES: tuple[EngineName, ...] = ("auto", "jsonschema-rs", "jsonschema")


class Breach(NamedTuple):
    """A keyword of a subschema that does not hold for the value at `path`.

    `names` are the properties it is about (unknown, missing); `branches` those of each choice of
    an anyOf or oneOf.
    """

    path: Path
    keyword: str
    schema: Schema
    names: tuple[str, ...] = ()
    branches: tuple[tuple[Breach, ...], ...] = ()
    message: str = ""


class Validator(Protocol):
    """Judges documents of one schema."""

    def is_valid(self, value: Any) -> bool:
        """The verdict alone: fast."""

    def breaches(self, value: Any) -> Iterator[Breach]:
        """Everything that does not hold; nothing for a valid value."""


def compiler(engine: EngineName = "auto") -> Callable[[Schema], Validator]:
    """What turns a schema into a Validator. ImportError if the engine asked for is not there."""
    if engine == "jsonschema":
        return _Plain
    try:
        import jsonschema_rs  # noqa: F401 - 26 ms, and only who checks anything pays them
    except ImportError:
        if engine == "jsonschema-rs":
            raise
        return _Plain
    return _Rust


class _Rust:
    def __init__(self, schema: Schema) -> None:
        import jsonschema_rs

        self._schema = schema
        self._validator = jsonschema_rs.validator_for(schema)
        self.is_valid = self._validator.is_valid

    def breaches(self, value: Any) -> Iterator[Breach]:
        return (self._breach(error, value) for error in self._validator.iter_errors(value))

    def _breach(self, error: Any, value: Any) -> Breach:
        kind, path = error.kind, _mended(error.instance_path, value)
        if kind.name == "propertyNames":
            return self._breach(kind.error, value)._replace(path=path)
        where = list(error.schema_path)
        keyword = str(kind.name)
        while where and where[-1] != keyword and isinstance(where[-1], int):
            where.pop()
        schema = self._subschema(where[:-1])
        names = tuple(getattr(kind, "unexpected", ()))
        if keyword == "required":
            keyword = str(where[-1]) if where else keyword  # dependentRequired comes as required
            names = (kind.property,)
        return Breach(
            path, "additionalProperties" if keyword == "unevaluatedProperties" else keyword, schema,
            names, tuple(tuple(self._breach(e, value) for e in context)
                         for context in getattr(kind, "context", ())), error.message,
        )  # fmt: skip

    def _subschema(self, where: Iterable[str | int]) -> Schema:
        node: Any = self._schema
        for part in where:
            if part == "$ref":
                continue
            node = deref(node, self._schema) if isinstance(node, dict) else node
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return {}
        return deref(node, self._schema) if isinstance(node, dict) else {}


class _Plain:
    def __init__(self, schema: Schema) -> None:
        import jsonschema

        self._validator = jsonschema.Draft202012Validator(schema)
        self.is_valid = self._validator.is_valid

    def breaches(self, value: Any) -> Iterator[Breach]:
        for error in self._validator.iter_errors(value):
            yield from self._breaches(error)

    def _breaches(self, error: Any) -> Iterator[Breach]:
        path, keyword = tuple(error.absolute_path), error.validator
        if keyword is None:
            yield Breach(path, "falseSchema", {})
        elif keyword in ("additionalProperties", "unevaluatedProperties"):
            names = _unknown(error.instance, error.schema) or _quoted(error.message)
            yield Breach(path, "additionalProperties", error.schema, names)
        elif keyword in ("required", "dependentRequired"):
            names = _quoted(error.message)[:1]
            yield Breach(path, keyword, error.schema, names)
        else:
            branches = _branches(error, self._breaches) if keyword in ("anyOf", "oneOf") else ()
            yield Breach(path, keyword, error.schema, (), branches, error.message)


def _mended(path: list[str | int], value: Any) -> Path:
    """`path` with keys that look like numbers as strings again; jsonschema-rs makes them integers.

    It also loses empty keys, but those were refused before.
    """
    mended: list[str | int] = []
    for part in path:
        if isinstance(value, dict) and part not in value:
            part = next(k for k in (str(part), *value) if k in value and _number(k) == part)
        mended.append(part)
        value = value[part]
    return tuple(mended)


def _number(key: str) -> int | None:
    return int(key) if key.isascii() and key.removeprefix("+").isdigit() else None


def _branches(
    error: Any, read: Callable[[Any], Iterator[Breach]]
) -> tuple[tuple[Breach, ...], ...]:
    found: list[tuple[Breach, ...]] = [() for _ in error.validator_value]
    for inner in error.context:
        found[inner.schema_path[0]] += tuple(read(inner))
    return tuple(found)


def _unknown(value: dict[str, Any], schema: Schema) -> tuple[str, ...]:
    patterns = [re.compile(p) for p in schema.get("patternProperties", ())]
    known = schema.get("properties", {})
    return tuple(k for k in value if k not in known and not any(p.search(k) for p in patterns))


def _quoted(message: str) -> tuple[str, ...]:
    return tuple(re.findall(r"'([^']*)'", message))
