"""Output: what `-o` may say, and objects printed so. Programs read this: it does not change."""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

JSONPATH = "jsonpath="
LOOKS = ("table", "wide", "json", "yaml", "name", JSONPATH)
TABLE_OR_JSON = ("table", "json")
OBJECTS = ("table", "json", "yaml")


def checked(output: str, allowed: Collection[str]) -> str:
    """`output` if the command has it. InvalidInput names those it has."""
    if output in allowed and output != JSONPATH:
        return output
    if JSONPATH in allowed and output.startswith(JSONPATH) and len(output) > len(JSONPATH):
        return output
    from p42.model.errors import InvalidInput

    known = ", ".join(f"{name}EXPR" if name == JSONPATH else name for name in allowed)
    raise InvalidInput(f"-o {output}: no such output here; there is: {known}")


def listed(items: list[Any]) -> dict[str, Any]:
    """`items` as the List object of CONTRACT.md."""
    return {"apiVersion": "p42.dev/v1", "kind": "List", "items": items}


def show(value: Any, output: str) -> None:
    """Print an object or a List on stdout as `json`, `yaml`, `name` or `jsonpath=EXPR`."""
    if output == "json":
        print_json(value)
    elif output == "yaml":
        print(as_yaml(value), end="")
    elif output == "name":
        items = value["items"] if value.get("kind") == "List" else [value]
        sys.stdout.write("".join(name_of(item) + "\n" for item in items))
    else:
        from p42.cli import template

        print(template.render(output.removeprefix(JSONPATH), value))


def name_of(item: dict[str, Any]) -> str:
    """`command/git-haiku`, as `-o name` prints it and every verb takes it."""
    return f"{item['kind'].lower()}/{item['metadata']['name']}"


def diagnostic(finding: dict[str, Any]) -> dict[str, Any]:
    """The DIAGNOSTIC of CONTRACT.md: without what is only for the caret line."""
    return {key: value for key, value in finding.items() if key not in ("excerpt", "width")}


def print_json(value: Any) -> None:
    """Pretty, for a person or jq alike."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_line(value: Any) -> None:
    """One object a line, for every stream; out at once."""
    print(json.dumps(value, separators=(",", ":"), ensure_ascii=False), flush=True)


def as_yaml(value: Any) -> str:
    """Block style, keys in their order, several lines as a literal block."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        pass

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    dumped: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return dumped
