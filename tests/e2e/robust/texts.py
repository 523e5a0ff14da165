"""Texts: manifests of every kind as a person would write them."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent

API = "apiVersion: p42.dev/v1\n"


def command(name: str, *lines: str, more: str = "") -> str:
    """A bash command that says its name, or runs `lines`; `more` is further YAML of the spec."""
    body = indent("\n".join(lines or (f"echo {name}",)), "    ")
    head = f"{API}kind: Command\nmetadata: {{name: {name}}}\nspec:\n{more}"
    return f"{head}  source: |\n{body}\n"


def agent(name: str, **spec: object) -> str:
    spec = {"runtime": "model", "persona": f"You are {name}.", **spec}
    return document("Agent", name, spec)


def account(name: str, **spec: object) -> str:
    return document("Account", name, {"provider": "local", **spec})


def integration(name: str, **spec: object) -> str:
    return document("Integration", name, {"type": "tasks", **spec})


def project(name: str, **spec: object) -> str:
    return document("ProjectCI", name, {"project": name, "path": ".", **spec})


def document(kind: str, name: str, spec: dict[str, object]) -> str:
    """One document; JSON is YAML."""
    return (
        f"{API}kind: {kind}\nmetadata: {{name: {name}}}\n"
        f"spec: {json.dumps(spec)}\n"
    )  # fmt: skip


def joined(*documents: str) -> str:
    return "---\n".join(documents)


def save(path: Path, text: str) -> Path:
    """Write as an editor that knows its trade: a new file, renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spare = path.with_name(f".{path.name}.swp~")
    spare.write_text(text)
    return spare.replace(path)
