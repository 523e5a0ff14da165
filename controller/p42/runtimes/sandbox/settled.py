"""Settled: grants as they are taken: real paths, each looked up once, and the names they go by.

From here on no link is followed any more: what was looked at is what is mounted (`sights.py`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from p42.model.errors import Blocked
from p42.model.faults import fault
from p42.model.grants import Grants
from p42.scripts import ways
from p42.scripts.paths import Astray, within

COMMANDS = "commands"  # in p42's home: a command may read itself


def settled(grants: Grants, home: Path) -> Grants:
    """`grants` by their real paths. What is written is noted before it returns. Blocking.

    `home` is p42's. Blocked where a program in a sandbox could have laid the way.
    """
    return _noted(_real(grants, home), home)


def of_command(grants: Grants, home: Path) -> Grants:
    """The same for a command. Of p42's home it has its room and its own file, and no more.

    What is `by` nobody is a room of p42's alone.
    """
    found, private = _real(grants, home), os.path.realpath(home)
    for each in _declared(found, private) if grants.by else ():
        if why := ways.kept_out(each, each, private):
            raise Blocked(f"{grants.by}: {why}")
    return _noted(found, home)


def _real(grants: Grants, home: Path) -> Grants:
    write = [str(each) for each in grants.write]
    try:
        roots = [*ways.noted(str(home)), *ways.outer(ways.led(each)[0] for each in write)]
        found = ways.settled([*write, *map(str, grants.read)], roots)
    except Astray as error:
        raise Blocked(f"{grants.by}: {error}" if grants.by else str(error)) from None
    except OSError as error:
        raise fault(error, str(home / ways.NAME)) from error
    at = [(Path(name), Path(real)) for name, real in found.items() if name != real]
    return replace(
        grants,
        read=tuple(Path(found[str(each)]) for each in grants.read),
        write=tuple(Path(found[each]) for each in write),
        at=(*grants.at, *at),
    )


def _noted(grants: Grants, home: Path) -> Grants:
    try:
        ways.note(str(home), ways.outer(map(str, grants.write)))
    except OSError as error:
        raise fault(error, str(home / ways.NAME)) from error
    return grants


def _declared(grants: Grants, private: str) -> Sequence[str]:
    """What is not p42's own to grant: a room stands in a directory for such, a command in its."""
    rooms, commands = f"{private}/{ways.ROOMS}", Path(private, COMMANDS)
    given = (*grants.write, *(each for each in grants.read if each.parent != commands))
    above = [(str(each), str(each.parent)) for each in given]
    return [each for each, parent in above if parent == rooms or not within(parent, (rooms,))]
