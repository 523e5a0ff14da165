"""Sandbox: a program that reaches the system's programs, what it was granted, and nothing else.

bubblewrap where it works: name spaces of its own, so no other process, no network, no home. Else
Landlock, by a small wrapper that gives up its rights and becomes the program: the same files, and
no sockets; it still sees other processes, and can change the mode of a file it cannot read. Where
neither works there is no sandbox, and what needs one is not run.

    Sandbox.find() -> Sandbox | None
    sandbox.wrap(argv, Grants(...), cwd) -> argv
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from p42.config.homedir import home
from p42.model.errors import Blocked
from p42.model.faults import fault
from p42.model.grants import Grants
from p42.runtimes.sandbox import landlock, walls
from p42.runtimes.sandbox.sights import Elsewhere, sights, sure

TRIED = 1 << 20  # bytes of scratch in a trial run
PROBE = 10.0  # s for a trial run; 15 ms are usual
NONE = walls.NONE


@dataclass(frozen=True, slots=True)
class Sandbox:
    """`form` bwrap: `program` is its path. landlock: the interpreter that runs the wrapper.

    `sizes`: whether it keeps to Grants.scratch.
    """

    form: Literal["bwrap", "landlock"]
    program: str
    system: tuple[str, ...]
    sizes: bool = False

    @classmethod
    def find(cls, path: str) -> Sandbox | None:
        """The best that works here, tried out. `path` is the user's PATH. Blocking, 30 ms."""
        person = Path.home()
        private = [str(each) for each in (home(), person, person / ".local")]
        system = tuple(walls.system(path, private))
        bwrap = walls.which("bwrap", path)
        for found in (
            cls("bwrap", bwrap, system, sizes=True) if bwrap else None,
            cls("bwrap", bwrap, system) if bwrap else None,  # before 0.7 it knows no --size
            cls("landlock", sys.executable, system) if landlock.works() else None,
        ):
            if found is not None and _works(found):
                return found
        return None

    def wrap(self, argv: Sequence[str], grants: Grants, cwd: Path | None = None) -> list[str]:
        """The command line that runs `argv` inside. Paths that are not there are left out.

        Blocked where one is not its real path (`settled.py`). It runs nothing where another link is
        laid before it is mounted.
        """
        try:
            return self._wrapped(argv, grants, str(cwd or "/"))
        except Elsewhere as error:
            raise Blocked(f"{grants.by}: {error}" if grants.by else str(error)) from None
        except OSError as error:
            raise fault(error, str(error.filename or "what is granted")) from error

    def _wrapped(self, argv: Sequence[str], grants: Grants, cwd: str) -> list[str]:
        read, write, hide = (walls.there(map(str, each))
                             for each in (grants.read, grants.write, grants.hide))  # fmt: skip
        trees = walls.trees(self.system, (*read, *write))
        names = {**trees, **{str(name): str(real) for name, real in grants.at}}
        read = [*trees.values(), *read]
        if self.form == "landlock":
            sights((*read, *write), {})  # so that it is told here, and not in its output
            system = walls.there((*walls.SYSTEM, *walls.SETTINGS))
            return landlock.command(
                self.program, argv, system=system, read=read, write=write, network=grants.network
            )
        modes = walls.mounts(read=read, write=write, hide=hide, names=names)
        mounted = [each for each, mode in modes.items() if mode != "--tmpfs"]
        around = walls.bwrap(
            self.program, modes, names, network=grants.network, cwd=cwd,
            scratch=grants.scratch if self.sizes else 0,
        )  # fmt: skip
        return [*around, "--", *sure(argv, sights(mounted, names))]


def needed(sandbox: Sandbox | None) -> Sandbox:
    """`sandbox`, if there is one. Blocked says what to install."""
    if sandbox is None:
        raise Blocked(NONE)
    return sandbox


def _works(sandbox: Sandbox) -> bool:
    try:
        run = subprocess.run(
            sandbox.wrap(["true"], Grants(scratch=TRIED)), capture_output=True, timeout=PROBE,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0
