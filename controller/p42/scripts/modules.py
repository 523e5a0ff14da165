"""Modules: what a script imports, where it names that as a program it needs: none has it on PATH.

Models take a command's dependencies for those of a package. Nothing would ever find `requests`
there, so the command would never run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Collection, Iterator

from p42.scripts.language import Language

# require("x"), import("x"), import ... from "x", import "x"; `x` up to a slash, without `node:`
_NODE = re.compile(
    r"\b(?:require\s*\(|import\s*\(|from|import)\s*[\"'`](?:node:)?([\w.-]+)", re.ASCII
)
_REMEDY = (
    "dependencies are programs (curl, jq); use the standard library, or leave {it} out of "
    "dependencies and say in the script what to install"
)


def only_modules(
    source: str, language: Language, needs: Collection[str], is_program: Callable[[str], bool]
) -> str:
    """Why `needs` cannot be met: modules that `source` imports are among them; "" = none is.

    What `is_program` knows is one, whatever else has that name. Bash has no modules.
    """
    lacking = [each for each in needs if not is_program(each)]
    if not lacking:
        return ""
    imported = {_plain(each) for each in _imported(source, language)}
    found = [each for each in lacking if _plain(each) in imported]
    if not found:
        return ""
    what, one = language.capitalize(), len(found) == 1
    are = f"is a {what} module, not a program" if one else f"are {what} modules, not programs"
    return f"{', '.join(found)} {are}: {_REMEDY.format(it='it' if one else 'them')}"


def _imported(source: str, language: Language) -> Iterator[str]:
    if language == "node":
        yield from _NODE.findall(source)
    if language == "python":
        yield from _of_python(source)


def _of_python(source: str) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the script, not about us
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # who reads it as a script says so
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _plain(name: str) -> str:
    """A package's name as its module has it (PEP 503 takes these for one)."""
    return name.lower().replace("-", "_")
