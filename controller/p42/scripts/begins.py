"""Begins: whether a script breaks as soon as it is begun: in a sandbox, without arguments or input.

What it prints, and whether it is content to have been called so, is its own affair. Only what can
be nothing but a fault counts: a program that is nowhere, a name that means nothing, an option that
the program it calls does not have.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from p42.model.errors import Blocked
from p42.model.faults import fault
from p42.model.grants import Grants
from p42.model.ports import Files, Processes
from p42.scripts.language import Language
from p42.scripts.leash import leashed
from p42.scripts.syntax import LONGEST, NAME, program_of, written

SECONDS = 5.0  # one that is still busy by then has begun well

_NOWHERE = re.compile(
    r"^(?:.*?script: )?(?:line )?\d+: (?P<one>[\w.+-]+): (?:command )?not found$"
    r"|command not found: (?P<two>[\w.+-]+)$",
    re.MULTILINE,
)
_NAMELESS = re.compile(r"^(?:NameError|ReferenceError|UnboundLocalError): .*", re.MULTILINE)
_OPTION = re.compile(
    r"^.*(?:invalid|illegal|unrecognized|unknown) option.*|^.*invalid date.*",
    re.MULTILINE | re.IGNORECASE,
)


async def breaks(
    processes: Processes, files: Files, room: Path, source: str, *, language: Language,
    needs: Collection[str],
) -> str:  # fmt: skip
    """Why it cannot work; "" = nothing speaks against it, or nothing may be run here.

    `room` is an empty directory. `needs` are programs that it says it needs.
    """
    path, empty = written(room, source), room / "empty"
    try:
        empty.mkdir(exist_ok=True)
    except OSError as error:
        raise fault(error, str(empty)) from error
    try:
        done = await processes.run(
            leashed([program_of(source, language), str(path)]), cwd=empty, timeout=SECONDS,
            grants=Grants(read=(room,), write=(empty,)),
        )  # fmt: skip
    except Blocked:  # no sandbox, so it is not run unasked
        return ""
    told = done.stderr.decode(errors="replace").replace(str(path), NAME)
    for found in _NOWHERE.finditer(told):
        program = found["one"] or found["two"]
        # A sandbox does not show all that is on a person's PATH.
        if program not in needs and files.which(program) is None:
            return f"it calls {program}, which is not installed here, nor among its dependencies"
    if done.exit_code and (found_first := _NAMELESS.search(told) or _OPTION.search(told)):
        plain = "".join(c if c.isprintable() else "?" for c in found_first[0])
        return f"it breaks at once: {plain[:LONGEST]}"
    return ""
