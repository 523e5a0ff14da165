"""A file is one noun, a function one thought: 300 lines and 60 lines are the walls."""

from __future__ import annotations

import ast

from tests.house.tree import python, short, syntax

FILE_WALL = 300
FUNCTION_WALL = 60

# "path" or "path:function": why it may be longer. An entry that is not needed fails the test.
ALLOWED: dict[str, str] = {}


def _long() -> dict[str, int]:
    found = {}
    for path in python():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_WALL:
            found[short(path)] = lines
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_WALL:
                    found[f"{short(path)}:{node.name}"] = length
    return found


def test_no_file_and_no_function_is_past_its_wall() -> None:
    long = _long()
    assert {place: lines for place, lines in long.items() if place not in ALLOWED} == {}


def test_an_exception_from_the_wall_is_still_needed() -> None:
    assert set(ALLOWED) - set(_long()) == set()
