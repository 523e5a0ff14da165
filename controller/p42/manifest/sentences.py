"""Sentences: what a breach of a schema means to the person who wrote the manifest.

One sentence, without the path (it stands in front), and what would be right where that can be told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from p42.manifest.engines import Breach

Words = tuple[str, str]  # message, suggestion

VALUE_WIDTH = 60  # characters of a value that are quoted
_NOUNS = {
    "string": "a string", "number": "a number", "integer": "a whole number",
    "boolean": "true or false", "array": "a list", "object": "a mapping", "null": "null",
}  # fmt: skip


def shown(value: Any) -> str:
    """`value` as JSON on one line, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_WIDTH else text[: VALUE_WIDTH - 3] + "..."


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`did you mean X?` for the closest of `known`, "" if none is close."""
    from difflib import get_close_matches  # only who erred pays for it

    names = list(known)
    lower = {name.lower(): name for name in names}
    close = get_close_matches(str(word).lower(), lower, n=1, cutoff=0.6)
    return f"did you mean {lower[close[0]]}?" if close else ""


def sentence(breach: Breach, value: Any) -> Words:
    """Message and suggestion for `breach` at `value`."""
    say = _SENTENCES.get(breach.keyword)
    said = breach.schema.get("x-p42-says")
    if isinstance(said, str) and breach.keyword in ("not", "anyOf", "if"):
        return said, ""
    if say is not None:
        return say(breach.schema.get(breach.keyword), value, breach)
    return breach.message or f"{shown(value)} breaks the rule {breach.keyword}", ""


def unknown_field(name: str, breach: Breach) -> Words:
    """For a field that the schema does not have."""
    known = list(breach.schema.get("properties", ()))
    hint = did_you_mean(name, known)
    return "unknown field", hint or ("known are " + ", ".join(known) if 0 < len(known) < 8 else "")


def _type(wanted: Any, value: Any, breach: Breach) -> Words:
    names = [wanted] if isinstance(wanted, str) else list(wanted or ())
    noun = " or ".join(_NOUNS.get(name, str(name)) for name in names)
    if value is None:
        return f"is empty, and {noun} is expected", "give it a value, or take the field out"
    if "string" in names and isinstance(value, bool | int | float):
        return f"{shown(value)} is not a string", f'write "{shown(value)}"'
    if isinstance(value, str) and "array" in names:
        return f"{shown(value)} is not a list", f"write [{value}]" if value.isalnum() else ""
    if isinstance(value, str) and "boolean" in names:
        guess = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(value.lower())
        return f"{shown(value)} is not {noun}", f"write {guess}" if guess else ""
    if isinstance(value, str) and set(names) & {"number", "integer"}:
        return f"{shown(value)} is not {noun}", "take the quotes off" if _numeric(value) else ""
    return f"{shown(value)} is not {noun}", ""


def _numeric(text: str) -> bool:
    return text.strip("+-").replace(".", "", 1).isdigit()


def _enum(options: Any, value: Any, breach: Breach) -> Words:
    words = [str(option) for option in options or ()]
    if value is None:
        return "is empty", f"one of {', '.join(words)}"
    if isinstance(value, bool) and str(value).lower() in words:
        return f"{shown(value)} is not a string", f'write "{shown(value)}"'
    return f"{shown(value)} is not one of {', '.join(words)}", did_you_mean(value, words)


def _const(wanted: Any, value: Any, breach: Breach) -> Words:
    return f"{shown(value)} is not {wanted}", f"write {wanted}"


def _pattern(wanted: Any, value: Any, breach: Breach) -> Words:
    if "ms|s|m|h|d" in str(wanted):
        return f"{shown(value)} is not a duration such as 500ms, 30s, 5m, 2h or 7d", ""
    if "MiB" in str(wanted):
        return f"{shown(value)} is not a size such as 512, 64KiB or 10MB", ""
    if str(wanted).startswith("^[a-z]([a-z0-9-]"):
        return (
            f"{shown(value)} is not a name: lower-case letters, digits and -, "
            "beginning with a letter, at most 63 characters"
        ), ""
    examples = [str(each) for each in breach.schema.get("examples", ())]
    if examples:
        *first, last = examples
        such = f"{', '.join(first)} or {last}" if first else last
        return f"{shown(value)} is not written like {such}", ""
    return f"{shown(value)} does not match {wanted}", ""


def _not(wanted: Any, value: Any, breach: Breach) -> Words:
    if isinstance(wanted, dict) and isinstance(value, dict) and "required" in wanted:
        names = " and ".join(wanted["required"])
        return f"{names} must not be given here", "take it out"
    if isinstance(wanted, dict) and "pattern" in wanted and breach.schema.get("pattern"):
        return _pattern(breach.schema["pattern"], value, breach)
    if isinstance(wanted, dict) and "pattern" in wanted:
        what = "a NUL" if wanted["pattern"] == r"\x00" else "a line break or control"
        return f"holds {what} character", "take it out"
    return f"{shown(value)} is not allowed", ""


def _choice(wanted: Any, value: Any, breach: Breach) -> Words:
    options = [c["required"] for c in wanted or () if isinstance(c, dict) and "required" in c]
    if options and len(options) == len(wanted) and isinstance(value, dict):
        names = [" and ".join(option) for option in options]
        given = [o for o in names if o in value]
        if given:
            return f"only one of {', '.join(names)} may be given, not {' and '.join(given)}", ""
        return f"one of {', '.join(names)} is missing", ""
    types = {str(b.schema.get("type")) for branch in breach.branches for b in branch}
    nouns = [_NOUNS[t] for t in sorted(types) if t in _NOUNS]
    if value is None:
        return "is empty", "give it a value, or take the field out"
    return f"{shown(value)} is not " + (" or ".join(nouns) if nouns else "allowed here"), ""


def _counted(template: str) -> Callable[[Any, Any, Breach], Words]:
    def say(wanted: Any, value: Any, breach: Breach) -> Words:
        size = len(value) if isinstance(value, str | list | dict) else 0
        return template.format(value=shown(value), wanted=wanted, size=size), ""

    return say


def _min_length(wanted: Any, value: Any, breach: Breach) -> Words:
    return "is empty" if value == "" else f"{shown(value)} is shorter than {wanted} characters", ""


_SENTENCES: dict[str, Callable[[Any, Any, Breach], Words]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "not": _not,
    "anyOf": _choice,
    "oneOf": _choice,
    "minLength": _min_length,
    "maximum": _counted("{value} is greater than the maximum of {wanted}"),
    "minimum": _counted("{value} is less than the minimum of {wanted}"),
    "exclusiveMaximum": _counted("{value} is not less than {wanted}"),
    "exclusiveMinimum": _counted("{value} is not greater than {wanted}"),
    "multipleOf": _counted("{value} is not a multiple of {wanted}"),
    "maxLength": _counted("is {size:,} characters long; at most {wanted:,} are allowed"),
    "minItems": _counted("has {size} items; at least {wanted} are needed"),
    "maxItems": _counted("has {size} items; at most {wanted} are allowed"),
    "minProperties": _counted("has {size} fields; at least {wanted} are needed"),
    "maxProperties": _counted("has {size} fields; at most {wanted} are allowed"),
    "uniqueItems": _counted("holds the same item twice"),
    "contains": _counted("lacks an item that it must hold"),
    "falseSchema": _counted("is not allowed here"),
}
