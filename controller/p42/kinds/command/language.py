"""Language: what a command is written in: as declared, as its first line or its file's name says.

A shebang is the script's own word and is honoured; `language` has to agree with it, and has to be
given where the shebang names a program we do not know (`uv run --script` may be any language).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import NamedTuple

from p42.kinds.command.spec import Command
from p42.scripts.language import (
    INTERPRETERS,
    Language,
    program_language,
    shebang_program,
)

_ENDINGS: Mapping[str, Language] = {
    ".sh": "bash", ".bash": "bash", ".py": "python",
    ".js": "node", ".cjs": "node", ".mjs": "node",
}  # fmt: skip


class Spoken(NamedTuple):
    """The language of a script and the program that runs it; `fault` says why it cannot be told.

    `program` is a name to look for on PATH; "" where the shebang has a path of its own.
    """

    language: Language
    program: str
    fault: str = ""


def spoken(spec: Command, source: bytes) -> Spoken:
    """What `source` is written in."""
    named = shebang_program(source)
    if not named:
        ending = PurePath(spec.source_file or "").suffix.lower()
        language = spec.language or _ENDINGS.get(ending, "bash")
        return Spoken(language, INTERPRETERS[language])
    known = program_language(named)
    program = "" if "/" in named else named
    if known is None and spec.language is None:
        fault = f"its first line names {named}; say in spec.language what that reads"
        return Spoken("bash", program, fault)
    if known is not None and spec.language not in (None, known):
        fault = f"spec.language is {spec.language} and its first line names {named}"
        return Spoken(known, program, f"{fault}; make them agree")
    return Spoken(spec.language or known or "bash", program)
