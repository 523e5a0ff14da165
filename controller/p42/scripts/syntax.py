"""Syntax: whether a script can be read at all, by the program that would run it. It is not run.

    bash -n, sh -n, zsh -n      node --check      python's compile

So what a person is shown, and what is tested, is at least a program; what is wrong with it is told
with its line in the script, to people and to the model that wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from p42.model.errors import Blocked
from p42.model.faults import fault
from p42.model.grants import Grants
from p42.model.ports import Files, Processes
from p42.scripts.language import INTERPRETERS, Language, shebang_program
from p42.scripts.leash import leashed

SECONDS = 10.0  # to read a script of 256 KiB; node alone takes a tenth of one to begin
LONGEST = 200  # characters of what is told
NAME = "script"  # the file; a name without an ending, as it will have

# -I: neither the user's packages nor the directory it is in have a say.
_COMPILE = "import sys; compile(open(sys.argv[1], 'rb').read(), sys.argv[1], 'exec')"
_OPTIONS: Mapping[Language, Sequence[str]] = {
    "bash": ("-n",), "python": ("-I", "-c", _COMPILE), "node": ("--check",),
}  # fmt: skip
_AT = re.compile(r'script"?(?:: line |, line |: ?)(\d+)')
_LEADS = re.compile(r"^.*?script:\s*(?:line )?\d+:\s*")
_NAMED = re.compile(r"\w*Error: ")


def program_of(source: str, language: Language) -> str:
    """What runs it: the path or the name in its first line, else the language's own program."""
    return shebang_program(source.encode()) or INTERPRETERS[language]


def missing(files: Files, source: str, language: Language) -> str:
    """The program that would run it and is not here; "" = it is."""
    program = program_of(source, language)
    there = files.runs(Path(program)) if "/" in program else files.which(program) is not None
    return "" if there else program


async def misread(processes: Processes, room: Path, source: str, language: Language) -> str:
    """What is wrong with it, and on which line; "" = it can be read. Its program has to be here.

    `room` is an empty directory. Retry for a machine that is full.
    """
    path = written(room, source)
    program = program_of(source, language)
    argv = leashed([program, *_OPTIONS[language], str(path)])
    try:
        done = await processes.run(argv, cwd=room, timeout=SECONDS, grants=Grants(read=(room,)))
    except Blocked:  # no sandbox: to read it is not to run it, by a program of ours to name
        if program != INTERPRETERS[language]:
            return ""
        done = await processes.run(argv, cwd=room, timeout=SECONDS)
    if done.timed_out:
        return f"it could not be read within {SECONDS:.0f} s"
    if done.exit_code == 0:
        return ""
    told = complaint(done.stderr.decode(errors="replace"), str(path))
    return f"it is no {PurePath(program).name}: {told}"


def written(room: Path, source: str) -> Path:
    """The script as a file in `room`. Retry for a full disk."""
    path = room / NAME
    try:
        path.write_text(source, encoding="utf-8")
    except OSError as error:
        raise fault(error, str(path)) from error
    return path


def complaint(stderr: str, path: str) -> str:
    """What a program said of the script at `path`, in one line: the line in it, and the fault."""
    text = stderr.replace(path, NAME)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = next((line for line in lines if _NAMED.match(line)), "")
    said = named or (_LEADS.sub("", lines[0]) if lines else "it says not why")
    plain = "".join(c if c.isprintable() else "?" for c in said)[:LONGEST]
    at = _AT.search(text)
    return f"line {at[1]}: {plain}" if at else plain
