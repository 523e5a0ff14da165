"""Language: what scripts may be written in, and what their first line says of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Literal

Language = Literal["bash", "python", "node"]

INTERPRETERS: Mapping[Language, str] = {"bash": "bash", "python": "python3", "node": "node"}

# Programs by their name without a version. What POSIX shells share is all our checks use.
_PROGRAMS: Mapping[str, Language] = {
    "bash": "bash", "sh": "bash", "dash": "bash", "ksh": "bash", "zsh": "bash",
    "python": "python", "pypy": "python", "node": "node", "nodejs": "node",
}  # fmt: skip


def program_language(program: str) -> Language | None:
    """What a program, by its name or path, reads; None = nobody knows."""
    return _PROGRAMS.get(PurePath(program).name.rstrip("0123456789."))


def shebang_program(source: bytes) -> str:
    """What the first line of a script has it run by: a path, or what `env` looks for; "" = none."""
    if not source.startswith(b"#!"):
        return ""
    words = source.partition(b"\n")[0][2:].decode(errors="replace").split()
    if words and PurePath(words[0]).name == "env":
        # env [-S] [NAME=VALUE]... program
        words = [word for word in words[1:] if word[0] != "-" and "=" not in word]
    return words[0] if words else ""
