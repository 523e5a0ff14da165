"""Values of a JSON Schema, as hypothesis draws them: what may stand under `spec`, kind by kind.

Draws what the keywords of our schemas ask for, mends what only rules between fields ask for
(`oneOf` and `anyOf` of required fields, `if`/`then`, `not` required together), and lets the
validator have the last word.
"""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from p42.manifest.kindbook import deref

Schema = dict[str, Any]
WIDTH = 3  # items and keys at most: laws are not about length


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Specs that the document schema `schema` accepts, as plain JSON."""
    spec = schema["properties"]["spec"]
    judge = Draft202012Validator({**spec, "$defs": schema.get("$defs", {})})
    return value(spec, schema).filter(judge.is_valid)


def value(node: Schema, root: Schema) -> st.SearchStrategy[Any]:
    """Values of one subschema."""
    node = deref(node, root)
    if "const" in node:
        return st.just(node["const"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if "anyOf" in node and "properties" not in node:
        return st.one_of([value(choice, root) for choice in node["anyOf"]])
    match node.get("type"):
        case "string":
            return _text(node)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(node.get("minimum", 0), min(node.get("maximum", 9), 2**40))
        case "number":
            return _number(node)
        case "array":
            items = value(node.get("items", {"type": "string"}), root)
            return st.lists(items, max_size=WIDTH, unique_by=repr)
        case "object":
            return _object(node, root)
    return st.one_of(st.booleans(), st.integers(0, 9), st.text(max_size=5))


def _text(node: Schema) -> st.SearchStrategy[str]:
    least, most = node.get("minLength", 0), node.get("maxLength", 10**6)
    if "pattern" in node:
        drawn = st.from_regex(re.compile(node["pattern"], re.ASCII), fullmatch=True)
    else:
        drawn = st.text(st.characters(codec="utf-8"), min_size=least, max_size=min(most, 24))
    never = re.compile(node.get("not", {}).get("pattern", r"(?!)"))
    return drawn.filter(lambda text: least <= len(text) <= most and not never.search(text))


def _number(node: Schema) -> st.SearchStrategy[float]:
    drawn = st.floats(node.get("minimum", 0), min(node.get("maximum", 100), 1e9), width=32)
    above = node.get("exclusiveMinimum")
    return drawn if above is None else drawn.filter(lambda number: number > above)


def _object(node: Schema, root: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Built once for all draws: making a strategy costs more than drawing from it."""
    fields = {name: value(child, root) for name, child in node.get("properties", {}).items()}
    rules = [_Rule(rule, root) for rule in (node, *node.get("allOf", ()))]
    extra = node.get("additionalProperties", True)
    others = None
    if not fields and extra is not False:
        names = {"type": "string", **node.get("propertyNames", {"maxLength": 5})}
        child = extra if isinstance(extra, dict) else {}
        others = st.dictionaries(value(names, root), value(child, root), max_size=WIDTH)
    return _body(fields, set(node.get("required", ())), rules, others)


class _Rule:
    """What a schema says between fields, and the values it gives them."""

    def __init__(self, rule: Schema, root: Schema) -> None:
        self.condition = Draft202012Validator(rule["if"]) if "if" in rule else None
        self.then = rule["then"] if "if" in rule else rule
        given = self.then.get("properties", {}) if self.condition is not None else {}
        self.fields = {name: value(child, root) for name, child in given.items()}


@st.composite
def _body(
    draw: st.DrawFn,
    fields: dict[str, st.SearchStrategy[Any]],
    needed: set[str],
    rules: list[_Rule],
    others: st.SearchStrategy[dict[str, Any]] | None,
) -> dict[str, Any]:
    body = {n: draw(drawn) for n, drawn in fields.items() if n in needed or draw(st.booleans())}
    if others is not None:
        body |= draw(others)
    for rule in rules:
        if rule.condition is None or rule.condition.is_valid(body):
            _mend(draw, rule, fields, body)
    return body


def _mend(
    draw: st.DrawFn, rule: _Rule, fields: dict[str, st.SearchStrategy[Any]], body: dict[str, Any]
) -> None:
    """Change `body` until what `rule` says between its fields holds."""
    for name, drawn in rule.fields.items():
        if name in body or draw(st.booleans()):
            body[name] = draw(drawn)
    needed = set(rule.then.get("required", ()))
    for word in ("oneOf", "anyOf"):
        branches = [set(c["required"]) for c in rule.then.get(word, ()) if "required" in c]
        if branches:
            chosen = draw(st.sampled_from(branches))
            needed |= chosen
            if word == "oneOf":
                for name in set().union(*branches) - chosen:
                    body.pop(name, None)
    for name in sorted(needed - set(body)):
        body[name] = draw(rule.fields.get(name, fields.get(name, st.nothing())))
    together = rule.then.get("not", {}).get("required", ())
    if together and all(name in body for name in together):
        body.pop(draw(st.sampled_from(together)))
