"""Forge found: what of a reply is meant to become a command, and how it is told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p42.model.completion import Tool
from p42.model.talk import Forged, Heard
from p42.scripts.hidden import hidden
from p42.scripts.reply import Found, blocks

NOT_FIRST = "a reply makes one command, its first; ask for this one by itself"

TOOL = Tool(
    "forge_command",
    "Declare a command. A person sees it as a diff and approves it before it can be run.",
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Lower-case letters, digits and -."},
            "description": {"type": "string", "description": "What it does, in a line."},
            "language": {"enum": ["bash", "python", "node"]},
            "dependencies": {"type": "array", "items": {"type": "string"},
                             "description": "Programs it needs (curl, jq), no modules."},
            "implementation": {"type": "string", "description": "The script."},
        },
        "required": ["name", "implementation"],
        "additionalProperties": False,
    },
)  # fmt: skip


def calls_of(heard: Heard) -> Sequence[Found]:
    """What calls of the tool ask for."""
    return [Found(call.arguments) for call in heard.calls if call.name == TOOL.name]


def blocks_of(heard: Heard) -> Sequence[Found]:
    """The json blocks that look like a command, the first whatever is wrong with it.

    Talk is full of other JSON. Only where a command was asked for is that one that will not do.
    """
    found = list(blocks(heard.text))
    meant = [each for each in found if each.meant]
    if not meant and (heard.asked or heard.mends):
        return found[:1]
    whole = (each for each in meant[1:] if {"name", "implementation"} <= each.spec.keys())
    return [*meant[:1], *whole]


def described(spec: Mapping[str, Any], heard: Heard) -> Mapping[str, Any]:
    """What it does is what was asked for, where the model does not say.

    What is mended keeps its name and its tests: who failed them does not write them.
    """
    named = spec
    if heard.mends:
        named = {**{k: v for k, v in spec.items() if k != "tests"}, "name": heard.mends}
    if spec.get("description") or heard.asked in ("", heard.mends) or hidden(heard.asked):
        return named
    return {**named, "description": heard.asked}


def told(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A spec as the original tells it: without what is empty, and nothing it does not know."""
    known = ("name", "description", "implementation", "language", "dependencies")
    found = {key: spec[key] for key in known if spec.get(key)}
    return {**found, "language": found.get("language", "bash")}


def left(found: Found) -> Forged:
    """One too many."""
    return Forged(name_of(found.spec), told(found.spec), problem=NOT_FIRST)


def name_of(spec: Mapping[str, Any]) -> str:
    """What it would be called, as far as it says."""
    name = spec.get("name")
    return name[:200] if isinstance(name, str) else ""
