"""Asking: a request's payload to the frozen dataclass a verb takes, strictly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, dataclass_transform

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from p42.model.errors import InvalidInput
from p42.model.verb import Verb

T = TypeVar("T")


def on_the_wire(name: str) -> str:
    """`dry_run` is dryRun in JSON, and `for_` is for."""
    return to_camel(name.rstrip("_"))


_STRICT = ConfigDict(strict=True, extra="forbid", alias_generator=on_the_wire)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def asks(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass that `read` can build from JSON."""
    made = dataclass(frozen=True, kw_only=True, slots=True)(cls)
    made.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]
    return made


@asks
class Nothing:
    """A verb that takes nothing."""


def read(verb: Verb[Any, Any], payload: Any) -> Any:
    """`payload` (parsed JSON) as `verb.takes`. Raises InvalidInput naming the first wrong field.

    The original's types (`legacy`) that take nothing take anything, as its Go decoder did.
    """
    if verb.takes is Nothing and verb.legacy:
        return Nothing()
    takes: Any = verb.takes
    given = {} if payload is None else payload
    if not isinstance(given, dict):
        raise InvalidInput(f"Invalid {verb.name} payload")
    try:
        return _builder(takes)(orjson.dumps(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"Invalid {verb.name} payload: {where}: {first['msg']}") from None


@cache
def _builder(takes: Any) -> Callable[[bytes], Any]:
    return TypeAdapter(takes).validate_json
