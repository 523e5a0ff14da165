"""Check: the schema's verdict on one document, and the findings if it is no.

The verdict comes first: of a thousand good documents nothing but a yes is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from p42.manifest.engines import Breach, EngineName, Validator, compiler
from p42.manifest.finding import MOST, Finding
from p42.manifest.kindbook import KindEntry, Schema
from p42.manifest.parse import Document, Path, locate, show
from p42.manifest.sentences import sentence, unknown_field

# A name that breaks `pattern` mostly breaks `not` too: one sentence is enough.
_SECONDARY = frozenset({"not"})
_CODES = {"additionalProperties": "unknown-field", "required": "missing-field", "type": "type",
          "dependentRequired": "missing-field", "enum": "enum", "const": "enum"}  # fmt: skip


class Checker:
    """Checks documents against their kinds' schemas, compiled when first needed."""

    def __init__(self, engine: EngineName = "auto") -> None:
        self._compile: Callable[[Schema], Validator] = compiler(engine)
        self._validators: dict[str, Validator] = {}

    def check(self, document: Document, value: Any, entry: KindEntry) -> list[Finding]:
        """What is wrong with the shape of `document`, whose JSON value is `value`."""
        validator = self._validators.get(entry.name)
        if validator is None:
            validator = self._validators[entry.name] = self._compile(entry.schema)
        if validator.is_valid(value):
            return []
        breaches = _telling(list(islice(validator.breaches(value), MOST)))
        found = dict.fromkeys(
            finding for b in _distinct(breaches) for finding in _findings(b, document, value)
        )
        return sorted(found)


def _findings(breach: Breach, document: Document, value: Any) -> Iterator[Finding]:
    if breach.keyword == "additionalProperties" and breach.names:
        for name in breach.names[:MOST]:
            message, hint = unknown_field(name, breach)
            yield _finding(document, (*breach.path, name), breach, message, hint, at_key=True)
    elif breach.names:
        said = breach.schema.get("x-p42-says") if "properties" not in breach.schema else None
        for name in breach.names:
            message, hint = f"{name} is missing", str(said or "")
            yield _finding(document, breach.path, breach, message, hint, at_key=True)
    else:
        here = _value_at(value, breach.path)
        if breach.schema.get("x-p42-key") and isinstance(here, str) and here:
            yield _not_a_reference(document, breach)
            return
        message, hint = sentence(breach, here)
        at_key = isinstance(here, dict | list) or here is None
        yield _finding(document, breach.path, breach, message, hint, at_key=at_key)


def _not_a_reference(document: Document, breach: Breach) -> Finding:
    """Where a key has to be named stands something else: most likely the key itself."""
    *first, last = [str(each) for each in breach.schema.get("examples", ())]
    message = f"is not written like {', '.join(first)} or {last}"
    found = _finding(document, breach.path, breach, message, at_key=False)
    return found._replace(secret=True)


def _finding(
    document: Document, path: Path, breach: Breach, message: str, hint: str = "", *, at_key: bool
) -> Finding:
    key, node = locate(document.node, path)
    target = key if at_key and key is not None else node
    at, end = target.start_mark.index, target.end_mark.index
    if isinstance(node.value, list) and target is node:
        end = at + 1
    code = _CODES.get(breach.keyword, "value")
    return Finding(at, end, code, message, show(path), hint)


def _value_at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _distinct(breaches: list[Breach]) -> list[Breach]:
    """Without those that only repeat what another of the same place says."""
    primary = {b.path for b in breaches if b.keyword not in _SECONDARY}
    return [b for b in breaches if b.keyword not in _SECONDARY or b.path not in primary]


def _telling(breaches: list[Breach]) -> list[Breach]:
    """With each anyOf and oneOf replaced by the branch that was meant, where one can be told."""
    told: list[Breach] = []
    for breach in breaches:
        meant = _meant(breach) if breach.branches else None
        told += _telling(list(meant)) if meant else [breach]
    return told


def _meant(breach: Breach) -> tuple[Breach, ...] | None:
    """The failed branch whose kind of value fits and that fails deepest; None if none stands out.

    A branch that fails in a `const` or a whole `type` was not meant: another one was.
    """
    if not all(breach.branches):
        return None  # too many fit: a oneOf
    fitting = [b for b in breach.branches if b and not any(_misfits(x, breach) for x in b)]
    if not fitting:
        return None
    if all(x.keyword == "required" and x.path == breach.path for b in fitting for x in b):
        return None if len(fitting) > 1 else fitting[0]
    return min(fitting, key=len)


def _misfits(inner: Breach, outer: Breach) -> bool:
    same_place = inner.path == outer.path and inner.keyword in ("type", "enum")
    return same_place or (inner.keyword == "const")
