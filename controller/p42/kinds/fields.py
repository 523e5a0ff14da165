"""Field types that several specs share: what a manifest may say, as JSON Schema can say it.

Specs carry no validators: the generated schema is the only judge of a document's shape, so all of
it has to be a type, a pattern or a bound. Patterns use what ECMA, Python and Rust read alike: no
look-around, digits spelled out. Annotations speak to the rest of p42:

    x-p42-refers: KIND       the text names a resource of that kind
    x-p42-default-of: KIND   left out, it falls to the resource of that kind that says `default`
    x-p42-file: true         the text names a file beside the manifest
    x-p42-text: true         that file is UTF-8 text and not empty
    x-p42-lock: true         what it gives is pinned in `forged/NAME.lock.yaml` beside the manifest
    x-p42-key: true          the text says where a secret stands
    x-p42-says: TEXT         what is wrong when the schema it stands in refuses, for a person
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from p42.model.refs import NAME_PATTERN

# What follows a scheme is opaque but for control characters, which no shell or keychain takes;
# `file://` is a URL, not a reference.
KEY_PATTERN = (
    r"^(keychain:[^/\x00-\x1f\x7f]+/[^\x00-\x1f\x7f]+"
    r"|env:[A-Za-z_][A-Za-z0-9_]*"
    r"|file:/?[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]*)$"
)
# No user:password@, no query; http only where the wire does not leave the machine.
URL_PATTERN = (
    r"^(https://[A-Za-z0-9._-]+|https://\[[0-9A-Fa-f:.]+\]"
    r"|http://localhost|http://127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|http://\[::1\])"
    r"(:[0-9]{1,5})?(/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)?$"
)
DURATION_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d)$"
SIZE_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,9})?(B|KB|MB|GB|KiB|MiB|GiB)?$"
VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
MOST = 2**53 - 1  # the largest whole number that every JSON reader keeps exact

_CONTROL = {"not": {"pattern": r"[\x00-\x1f\x7f]"}}
_NUL = {"not": {"pattern": r"\x00"}}


class Part(BaseModel):
    """A part of a spec: frozen, strict, closed; camelCase as in manifests."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        defer_build=True,  # a validator is made when the first such resource is read, not at start
    )


# Text of one line: a name for people, a model id, a path.
Line = Annotated[str, Field(min_length=1, max_length=1000, json_schema_extra=_CONTROL)]
# Text of any length. NUL ends an argument and a file name for the system, so it is never right.
Text = Annotated[str, Field(min_length=1, json_schema_extra=_NUL)]
# An argument or a value for a program; may be empty.
Argument = Annotated[str, Field(max_length=100_000, json_schema_extra=_NUL)]
Duration = Annotated[str, Field(pattern=DURATION_PATTERN, examples=["500ms", "30s", "5m", "2h"])]
Size = Annotated[str, Field(pattern=SIZE_PATTERN, examples=["64KiB", "10MB"])]
Url = Annotated[
    str, Field(pattern=URL_PATTERN, max_length=2000, examples=["https://api.example.com/v1"])
]
KeyRef = Annotated[
    str,
    Field(
        pattern=KEY_PATTERN,
        max_length=1000,
        examples=["keychain:p42/personal", "env:ANTHROPIC_API_KEY", "file:~/keys/work"],
        json_schema_extra={"x-p42-key": True},
    ),
]
# JSON Schema takes 3.0 for a whole number, so these do too.
Whole = Annotated[int, Field(strict=False, ge=0, le=MOST)]
Count = Annotated[int, Field(strict=False, ge=1, le=MOST)]
Port = Annotated[int, Field(strict=False, ge=1, le=65535)]
Amount = Annotated[float, Field(ge=0, le=1e12)]
Variables = Annotated[
    dict[str, Argument],
    Field(json_schema_extra={"propertyNames": {"pattern": VARIABLE_PATTERN}}),
]
AccountName = Annotated[
    str, Field(pattern=NAME_PATTERN, json_schema_extra={"x-p42-refers": "Account"})
]
AgentName = Annotated[str, Field(pattern=NAME_PATTERN, json_schema_extra={"x-p42-refers": "Agent"})]
IntegrationName = Annotated[
    str, Field(pattern=NAME_PATTERN, json_schema_extra={"x-p42-refers": "Integration"})
]


def exactly_one(*fields: str) -> dict[str, Any]:
    """For a model's json_schema_extra: one of `fields` has to be there, and no second."""
    says = f"exactly one of {', '.join(fields[:-1])} and {fields[-1]} must be given"
    return {"oneOf": [{"required": [field]} for field in fields], "x-p42-says": says}


def not_together(one: str, other: str) -> dict[str, Any]:
    """A subschema that refuses `one` beside `other`."""
    return {
        "not": {"required": [one, other]},
        "x-p42-says": f"{one} and {other} cannot both be given",
    }


def when(field: str, values: tuple[str, ...], then: dict[str, Any]) -> dict[str, Any]:
    """A subschema: `then` holds where `field` is there and has one of `values`."""
    return {
        "if": {"properties": {field: {"enum": list(values)}}, "required": [field]},
        "then": then,
    }
