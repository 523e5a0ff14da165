"""Draft: what a model wrote for a command, checked: nothing a person could not see, or not run.

Only these fields are taken: what a model says about approval, sandbox or rights is not even read.
The shape of its tests is for the schema of a Command to judge.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from p42.scripts.escaped import escaped_twice
from p42.scripts.hidden import hidden
from p42.scripts.language import Language, program_language, shebang_program
from p42.scripts.reply import LONGEST, Unfit, shown

MOST_TESTS = 8
MOST_DEPENDENCIES = 32
_LONGEST_FAULT = 200  # characters of what is wrong with it
LONGEST_DESCRIPTION = 300  # characters; a line in `get -o wide`

_LANGUAGES: Mapping[str, Language] = {
    "bash": "bash", "sh": "bash", "shell": "bash", "zsh": "bash",
    "python": "python", "python3": "python", "py": "python",
    "node": "node", "nodejs": "node", "javascript": "node", "js": "node",
}  # fmt: skip
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}\Z")  # as in the spec of Command


@dataclass(frozen=True, slots=True)
class Draft:
    """A script fit to be shown. `tests` as a manifest spells them, () = it proposed none."""

    source: str
    language: Language
    description: str = ""
    dependencies: tuple[str, ...] = ()
    tests: tuple[Mapping[str, Any], ...] = ()


def draft(given: Mapping[str, Any]) -> Draft:
    """Of a spec with implementation, language, description, dependencies, tests. Raises Unfit."""
    source = _source(given.get("implementation"), given.get("language"))
    language = _language(given.get("language"), source)
    if language == "python":
        _must_parse(source)
    return Draft(
        source, language, _description(given.get("description")),
        _dependencies(given.get("dependencies")), _tests(given.get("tests")),
    )  # fmt: skip


def _source(given: object, language: object) -> str:
    if given is None:
        raise Unfit("it has no implementation")
    if not isinstance(given, str):
        raise Unfit(f"its implementation is {shown(given)} and no text")
    if escaped_twice(given, _meant(language, given)):
        raise Unfit("its line breaks are escaped twice: it is one line, and holds \\n for each")
    given = _with_one_shebang(given)
    body = given.partition("\n")[2] if given.startswith("#!") else given
    if not body.strip():
        raise Unfit("its implementation is empty")
    if len(given.encode(errors="replace")) > LONGEST:
        raise Unfit(f"its implementation is larger than {LONGEST >> 10} KiB")
    if found := hidden(given):
        raise Unfit(f"of its implementation, {found}")
    text = given.replace("\r\n", "\n")
    return text if text.endswith("\n") else text + "\n"


def _with_one_shebang(source: str) -> str:
    """Of several at the very beginning the first, which is the one that a system obeys. Models say
    it twice; further down it is a comment at best, and in node a fault.

    One that holds an escaped line break is left alone: more than a shebang may stand there.
    """
    if not source.startswith("#!"):
        return source
    first, *others = source.split("\n")
    again = takewhile(lambda line: line.startswith("#!") and r"\n" not in line, others)
    return "\n".join([first, *others[len(list(again)) :]])


def _meant(given: object, source: str) -> Language:
    """The language by what is said of it, before any of that is found wanting."""
    told = _LANGUAGES.get(given.strip().lower()) if isinstance(given, str) else None
    return told or program_language(shebang_program(source.encode(errors="replace"))) or "bash"


def _language(given: object, source: str) -> Language:
    named = shebang_program(source.encode())
    if not named and source.startswith("#!"):
        raise Unfit("its first line names no program")
    known = program_language(named) if named else None
    if named and known is None:
        raise Unfit(f"its first line names {shown(named)}, and not bash, python3 or node")
    if given is None or given == "":
        return known or "bash"
    language = _LANGUAGES.get(given.strip().lower()) if isinstance(given, str) else None
    if language is None:
        raise Unfit(f"its language is {shown(given)}; p42 forges bash, python and node")
    if known not in (None, language):
        raise Unfit(f"its language is {language} and its first line names {shown(named)}")
    return language


def _must_parse(source: str) -> None:
    """Python as it would be run; the other languages have no parser here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the script, not about us
            ast.parse(source)
    except SyntaxError as error:
        told = "".join(c if c.isprintable() else "?" for c in error.msg)[:_LONGEST_FAULT]
        raise Unfit(f"it is no Python: line {error.lineno}: {told}") from None
    except (ValueError, RecursionError, MemoryError):
        raise Unfit("it is no Python that can be read") from None


def _description(given: object) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise Unfit(f"its description is {shown(given)} and no text")
    if found := hidden(given):
        raise Unfit(f"of its description, {found}")
    text = re.sub(r"\s+", " ", given).strip()
    return text if len(text) <= LONGEST_DESCRIPTION else text[: LONGEST_DESCRIPTION - 3] + "..."


def _dependencies(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise Unfit("its dependencies are no list of program names")
    if len(given) > MOST_DEPENDENCIES:
        raise Unfit(f"it has more than {MOST_DEPENDENCIES} dependencies")
    for each in given:
        if _PROGRAM.match(each) is None:
            raise Unfit(f"its dependency {shown(each)} is no program's name")
    return tuple(dict.fromkeys(given))


def _tests(given: object) -> tuple[Mapping[str, Any], ...]:
    if not given:
        return ()
    if not isinstance(given, list) or len(given) > MOST_TESTS:
        raise Unfit(f"its tests are no list of at most {MOST_TESTS}")
    if not all(isinstance(test, dict) for test in given):
        raise Unfit("its tests are no list of mappings")
    if len(json.dumps(given)) > LONGEST or hidden("\n".join(_texts(given))):
        raise Unfit("its tests hold what cannot be seen, or too much")
    return tuple(given)


def _texts(value: object) -> list[str]:
    """Every text in a JSON value."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for pair in value.items() for part in pair for text in _texts(part)]
        case list():
            return [text for item in value for text in _texts(item)]
    return []
