"""Selecting: which rows a question is about, and single values out of an object."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from p42.api.words import kinds_of, must_exist
from p42.engine.view import Row, View
from p42.model.errors import InvalidInput
from p42.model.kind import AnyKind
from p42.model.refs import Ref

_TERM = re.compile(r"\s*([A-Za-z0-9./_-]+)\s*(==|=|!=)\s*([A-Za-z0-9._-]*)\s*\Z")
_BARE = re.compile(r"\s*(!?)([A-Za-z0-9./_-]+)\s*\Z")
_PART = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+|\*)\]|\['([^']+)'\]")


def choose(
    view: View, kinds: Mapping[str, AnyKind], kind: str, names: Sequence[str], selector: str
) -> list[Row]:
    """The rows of `kind` (a word, or `all`), by name or by label, sorted by kind and name.

    Raises P42Error for a name that is not declared, InvalidInput for a word that is no kind.
    """
    wanted = kinds_of(kinds, kind)
    if names:
        refs = [Ref(each, name) for each in sorted(wanted) for name in names]
        if len(wanted) == 1:
            must_exist(refs, view.rows)
        rows = [view.rows[ref] for ref in refs if ref in view.rows]
    else:
        rows = [view.rows[ref] for ref in sorted(view.rows) if ref.kind in wanted]
    return [row for row in rows if matches(selector, row.resource.labels)]


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether `labels` fit `a=b,c!=d,e,!f`. InvalidInput if it is no selector."""
    return all(_fits(term, labels) for term in selector.split(",") if selector.strip())


def _fits(term: str, labels: Mapping[str, str]) -> bool:
    if compared := _TERM.match(term):
        key, operator, value = compared.groups()
        return (labels.get(key) != value) if operator == "!=" else (labels.get(key) == value)
    if bare := _BARE.match(term):
        return (bare[2] in labels) != (bare[1] == "!")
    raise InvalidInput(f"{term!r} is no label selector; write key=value, key!=value, key or !key")


def values_at(body: Any, path: str) -> list[Any]:
    """What stands at `{.status.conditions[0].reason}` or `status.port`; [] if nothing does.

    InvalidInput if it is no path. `[*]` gives every item.
    """
    braced = path.startswith("{") and path.endswith("}")
    inner = path[1:-1] if braced else path
    at, found = 0, [body]
    while at < len(inner):
        part = _PART.match(inner, at)
        if part is None:
            raise InvalidInput(f"{path!r} is no path such as .status.conditions[0].reason")
        found = list(_below(found, part[1] or part[3], part[2]))
        at = part.end()
    return found


def _below(bodies: Iterable[Any], key: str | None, index: str | None) -> Iterable[Any]:
    for body in bodies:
        if key is not None:
            if isinstance(body, Mapping) and key in body:
                yield body[key]
        elif isinstance(body, list | tuple):
            yield from body if index == "*" else body[int(index or 0) :][:1]
