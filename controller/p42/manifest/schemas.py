"""Schemas: JSON Schemas of the kinds, generated from their specs, for every validator there is.

Draft 2020-12, no remote references, no keyword but plain ones and `x-p42...`. Where validators
would disagree the schema leaves them no room:

    null            a field is there or it is not, so the null of an optional field is taken out
    `$` in patterns matches before a final newline in Python, not in ECMA: newlines are forbidden
    `\\d`           means 10 digits in ECMA and 680 in Python: written out

`python -m p42.manifest.schemas DIR [--check]` writes them, or says whether those in DIR are stale.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from p42.manifest.kindbook import Schema, kind_folders
from p42.model.refs import NAME_PATTERN
from p42.model.resource import API_VERSION, Annotation

BASE = "https://p42.dev/schemas/v1/"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
# What pydantic adds and no validator needs; ajv refuses `discriminator` beside `$ref`s.
_DROPPED = ("title", "discriminator")
_SWITCHES = {
    Annotation.PAUSED: ("true", "false"),
    Annotation.DELETION: ("delete", "retain"),
    Annotation.ADOPT: ("true", "false"),
    Annotation.HEAL: ("auto", "warn"),
    Annotation.STATUS: ("inline", "sidecar", "none"),
}


def generate(folder: str) -> Schema:
    """The schema of a whole document of the kind in `p42/kinds/FOLDER`. Imports its spec."""
    module = importlib.import_module(f"p42.kinds.{folder}.spec")
    return document(module.SPEC, module.KIND, module.PLURAL, module.SHORT, folder=folder)


def document(spec: Any, kind: str, plural: str, short: str, *, folder: str) -> Schema:
    """The schema of a document whose `spec` is the pydantic model `spec`."""
    body = spec.model_json_schema(by_alias=True, mode="validation")
    defs = {name: plain(node) for name, node in body.pop("$defs", {}).items()}
    body = plain(body)
    description = body.pop("description", f"A {kind} of p42.")
    schema: Schema = {
        "$schema": DRAFT,
        "$id": f"{BASE}{folder}.schema.json",
        "title": kind,
        "description": description,
        "x-p42": {"kind": kind, "plural": plural, "short": short},
        "type": "object",
        "properties": {
            "apiVersion": {"const": API_VERSION, "description": "The version of this format."},
            "kind": {"const": kind, "description": "What is declared."},
            "metadata": _metadata(),
            "spec": {"description": "What is wanted.", **body},
            "status": {"type": "object", "description": "What is there. Written by p42."},
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
    }
    return schema | ({"$defs": defs} if defs else {})


def plain(node: Any) -> Any:
    """A schema of pydantic's as every validator reads it the same way."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {}
    for word, value in node.items():
        if word in ("properties", "patternProperties", "$defs"):
            result[word] = {name: plain(child) for name, child in value.items()}
        elif word == "default":
            result[word] = _without_nulls(value)
        elif word in ("const", "enum", "required", "examples") or word[:2] == "x-":
            result[word] = value
        elif word not in _DROPPED or not isinstance(value, str | dict):
            result[word] = plain(value)
    return _pattern(_not_null(result))


def choosing(schemas: dict[str, Schema]) -> Schema:
    """One schema for any manifest: it chooses by `kind`, so that errors speak of that kind."""
    defs: Schema = {}
    branches = []
    for schema in schemas.values():
        kind = schema["title"]
        defs |= {f"{kind}.{k}": _prefixed(v, kind) for k, v in schema.get("$defs", {}).items()}
        body = {k: v for k, v in schema.items() if k not in ("$schema", "$id", "$defs")}
        defs[kind] = _prefixed(body, kind)
        chosen = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
        branches.append({"if": chosen, "then": {"$ref": f"#/$defs/{kind}"}})
    return {
        "$schema": DRAFT,
        "$id": f"{BASE}manifest.schema.json",
        "title": "p42 manifest",
        "description": "Any document of p42.",
        "type": "object",
        "properties": {"kind": {"enum": [s["title"] for s in schemas.values()]}},
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "allOf": branches,
        "$defs": defs,
    }


def texts() -> dict[str, str]:
    """All schema files by name."""
    schemas = {folder: generate(folder) for folder in kind_folders()}
    files = {f"{folder}.schema.json": schema for folder, schema in schemas.items()}
    files["manifest.schema.json"] = choosing(schemas)
    return {name: json.dumps(body, indent=2) + "\n" for name, body in files.items()}


def write_all(directory: Path) -> None:
    """Write every schema into `directory` and remove those of kinds that are no more."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = texts()
    for path in directory.glob("*.schema.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (directory / name).write_text(text, encoding="utf-8")


def stale(directory: Path) -> list[str]:
    """Names of the schema files in `directory` that are missing, too many or not up to date."""
    wanted = texts()
    there = {path.name: path.read_text("utf-8") for path in directory.glob("*.schema.json")}
    return sorted(n for n in wanted.keys() | there.keys() if wanted.get(n) != there.get(n))


def _metadata() -> Schema:
    strings = {"type": "object", "additionalProperties": {"type": "string"}}
    switches = {name: {"enum": list(words)} for name, words in _SWITCHES.items()}
    return {
        "type": "object",
        "description": "Who it is.",
        "properties": {
            "name": {
                "type": "string",
                "pattern": NAME_PATTERN,
                "not": {"pattern": "[^a-z0-9-]"},
                "description": "Lower-case letters, digits and -, beginning with a letter; at "
                "most 63 characters. Unique per kind.",
            },
            "labels": {**strings, "description": "Words to select by: `p42 get -l app=x`."},
            "annotations": {
                "type": "object",
                "properties": switches,
                "additionalProperties": {"type": "string"},
                "description": "Notes, and the switches of p42.",
            },
        },
        "required": ["name"],
        "additionalProperties": False,
    }


def _not_null(node: Schema) -> Schema:
    """Take the null out of an optional field: `X | None = None` becomes X without a default."""
    choices = [c for c in node.get("anyOf", ()) if c != {"type": "null"}]
    if "anyOf" in node and len(choices) < len(node["anyOf"]):
        node = {k: v for k, v in node.items() if k != "anyOf"}
        node = {**choices[0], **node} if len(choices) == 1 else {**node, "anyOf": choices}
    return {k: v for k, v in node.items() if k != "default" or v is not None}


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {k: _without_nulls(v) for k, v in value.items() if v is not None}


def _pattern(node: Schema) -> Schema:
    pattern = node.get("pattern")
    if not isinstance(pattern, str):
        return node
    node["pattern"] = _ascii_digits(pattern)
    if pattern.endswith("$") and "not" not in node:
        node["not"] = {"pattern": r"[\r\n]"}
    return node


def _ascii_digits(pattern: str) -> str:
    parts: list[str] = []
    inside = False
    at = 0
    while at < len(pattern):
        two, one = pattern[at : at + 2], pattern[at]
        if one == "\\":
            parts.append(("0-9" if inside else "[0-9]") if two == r"\d" else two)
            at += 2
            continue
        inside = one == "[" or (inside and one != "]")
        parts.append(one)
        at += 1
    return "".join(parts)


def _prefixed(node: Any, kind: str) -> Any:
    if isinstance(node, list):
        return [_prefixed(item, kind) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        k: v.replace("#/$defs/", f"#/$defs/{kind}.") if k == "$ref" else _prefixed(v, kind)
        for k, v in node.items()
    }


def main(arguments: list[str]) -> int:
    """Write the schemas into a directory, or with `--check` say what is stale there (exit 1)."""
    paths = [a for a in arguments if a != "--check"]
    if len(paths) != 1 or paths[0].startswith("-"):
        sys.stderr.write("usage: python -m p42.manifest.schemas DIR [--check]\n")
        return 64
    directory = Path(paths[0])
    if "--check" not in arguments:
        write_all(directory)
        return 0
    found = stale(directory)
    for name in found:
        sys.stderr.write(f"{directory / name}: stale; run `make schemas`\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
