"""What import contracts cannot say: who may print, who may be named, what may be committed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.tree import PACKAGE, ROOT, files, imports, python, short, syntax

KINDS = {"Account", "Agent", "Command", "Integration", "ProjectCI"}

# Homes and checkouts of one machine. The second group may stand in examples as a placeholder.
MACHINE = re.compile(
    r"(?<![\w.$~}-])/(?:home|Users)/(?!USER|you|ann|me\b)\w|(?<![\w.])/work/(?:main|shared)"
)


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    silent = [short(path) for path in python("controller") if not ast.get_docstring(syntax(path))]
    assert silent == []


def test_only_the_command_line_prints() -> None:
    printing = [
        f"{short(path)}:{node.lineno}"
        for path in python("controller")
        if not path.is_relative_to(PACKAGE / "cli")
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert printing == []


def test_the_engine_names_no_kind() -> None:
    naming = [
        f"{short(path)}:{node.lineno}: {node.value}"
        for path in python("controller/p42/engine")
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Constant) and node.value in KINDS
    ]
    assert naming == []


def test_nothing_outside_a_kind_imports_it() -> None:
    inside = PACKAGE / "kinds"
    meddling = [
        f"{short(path)}: {name}"
        for path in python("controller")
        if not path.is_relative_to(inside)
        for name in imports(path)
        if re.match(r"p42\.kinds\.(?:account|agent|command|integration|projectci)\b", name)
    ]
    assert meddling == []


@pytest.mark.parametrize(
    "folder", sorted(p.parent for p in (PACKAGE / "kinds").glob("*/spec.py")), ids=lambda p: p.name
)
def test_a_kind_imports_no_other_kind(folder: Path) -> None:
    others = {path.parent.name for path in folder.parent.glob("*/spec.py")} - {folder.name}
    meddling = [
        f"{short(path)}: {name}"
        for path in python(short(folder))
        for name in imports(path)
        if any(name.startswith(f"p42.kinds.{other}") for other in others)
    ]
    assert meddling == []


def test_no_task_is_without_an_owner() -> None:
    bare = [
        f"{short(path)}:{node.lineno}"
        for path in python("controller")
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"create_task", "ensure_future", "gather", "shield"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"asyncio", "loop"}
    ]
    assert bare == []


# What catches anything and goes on. Each needs its reason; the engine's is the one of the house.
BROAD = {
    "controller/p42/engine/bugs.py": "a bug in one name must not end the loop for the others",
    "controller/p42/keeper/zygote.py": "the last frame of a forked process: say it, then end",
}


def test_what_catches_anything_lets_it_go_on_but_in_the_engine() -> None:
    swallowing = {
        short(path)
        for path in python("controller")
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
        and not isinstance(node.body[-1], ast.Raise)
    }
    assert swallowing <= set(BROAD)


def test_nothing_names_a_place_of_one_machine() -> None:
    found = []
    for path in files():
        text = path.read_bytes()
        if b"\0" in text[:8000] or path == Path(__file__):
            continue
        for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
            if MACHINE.search(line):
                found.append(f"{short(path)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_every_manifest_we_ship_names_its_schema() -> None:
    wrong = []
    for path in files():
        in_scope = any(path.is_relative_to(ROOT / top) for top in ("manifests", "examples"))
        if not in_scope or path.suffix != ".yaml":
            continue
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        target = (path.parent / match[1]).resolve() if match else None
        if target != ROOT / "schemas/manifest.schema.json":
            wrong.append(short(path))
    assert wrong == []
