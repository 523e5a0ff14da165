"""Toolschema: which of the tools that a server offers can be given to a model.

A server is a stranger: its names are those that a rule can name, its schemas are bounded and refer
to nothing beyond themselves, since whoever reads them would go and fetch that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from p42.ai.tools.arguments import weighed
from p42.ai.tools.bench import Served
from p42.model.permissions import TOOL_PATTERN
from p42.wire.mcp import Offer

MOST = 64  # tools of one server; a model reads them all with every message
TOLD = 10  # names of those left out that are told
_NAME = re.compile(TOOL_PATTERN)
DEEPEST = 64  # levels; a property of a property takes four
REFERRING = ("$ref", "$dynamicRef", "$recursiveRef")
KNOWN = ("https://json-schema.org/", "http://json-schema.org/")  # a validator has these dialects


def served(integration: str, offers: Sequence[Offer]) -> tuple[Sequence[Served], str]:
    """Those that can be used, and in a sentence those that cannot. Blocking: schemas are read."""
    found, left = dict[str, Served](), list[str]()
    for offer in offers:
        schema = fitting(offer.schema) if _NAME.fullmatch(offer.name) else None
        if schema is None or len(found) == MOST or offer.name in found:
            left.append(repr(offer.name[:80]))
        else:
            found[offer.name] = Served(integration, offer.name, offer.description, schema)
    more = f" and {len(left) - TOLD} more" if len(left) > TOLD else ""
    why = f"a name, a schema or a number (over {MOST}) that cannot be used"
    return list(found.values()), f"{why}: {', '.join(left[:TOLD])}{more}" if left else ""


def fitting(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema as vendors take it: of an object; None = it is none that can be used."""
    if weighed(schema, deepest=DEEPEST) or schema.get("type", "object") != "object":
        return None
    if any(_refers(each) for each in _objects(schema)):
        return None
    found = {**schema, "type": "object"}
    return found if _holds(found) else None


def _refers(node: Mapping[str, Any]) -> bool:
    """Whether it leads elsewhere."""
    outwards = any(not str(node[word]).startswith("#") for word in REFERRING if word in node)
    return outwards or not str(node.get("$schema", KNOWN[0])).startswith(KNOWN)


def _objects(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found, waiting = list[Mapping[str, Any]](), list[Any]([schema])
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            found.append(value)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _holds(schema: Mapping[str, Any]) -> bool:
    import jsonschema_rs  # 26 ms, and only who has servers pays them

    try:
        jsonschema_rs.validator_for(dict(schema))
    except ValueError:  # ValidationError and what cannot be resolved are ones too
        return False
    return True
