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
from p42.wire.port42 import Request

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


def read(verb: Verb[Any, Any], request: Request) -> Any:
    """The payload as `verb.takes`. Raises InvalidInput naming the first wrong field.

    The original's types (`legacy`) take what its Go decoder took: fields nobody knows are left out,
    and what is wrong with a payload is not said.
    """
    if verb.takes is Nothing and verb.legacy:
        return Nothing()
    takes: Any = verb.takes
    wrong = InvalidInput(f"Invalid {verb.name} payload")
    given = {} if request.payload is None else request.payload
    if not isinstance(given, dict) or (verb.needs_payload and not request.given):
        raise wrong
    if verb.legacy:
        known = {on_the_wire(name) for name in takes.__dataclass_fields__}
        given = {key: value for key, value in given.items() if key in known}
    if verb.named:
        given = {**given, "id": request.id}
    try:
        return _builder(takes)(orjson.dumps(given))
    except ValidationError as error:
        if verb.legacy:
            raise wrong from None
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"Invalid {verb.name} payload: {where}: {first['msg']}") from None


@cache
def _builder(takes: Any) -> Callable[[bytes], Any]:
    return TypeAdapter(takes).validate_json
