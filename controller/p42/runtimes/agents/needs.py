"""Needs: what a program reads to run at all: itself, what belongs to it, files its arguments name.

Nothing of it is granted for what stands in a directory that the program may write: it is there
anyway, and where a link in there leads is the program's own word. Nothing of p42's home but what is
meant to be run or read: commands and manifests.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from p42.model.errors import Blocked
from p42.runtimes.sandbox import walls
from p42.scripts import ways
from p42.scripts.paths import within

# Programs that run a file: what stands beside that file is part of the program.
RUNNERS = ("python", "node", "bash", "sh", "ruby", "perl", "deno", "bun")
OPEN = ("commands", "manifests")  # in p42's home
LONGEST = 4096  # characters of a path (PATH_MAX)


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one start. `own`: what it may write, real paths; `roots`: what any program may write.

    `path` is the user's PATH, `home` p42's, a real path; `person` is the user's own.
    """

    path: str
    home: Path
    person: Path
    own: Sequence[Path]
    roots: Sequence[str]

    def of(self, argv: Sequence[str], cwd: Path) -> Iterator[Path]:
        """What a command line reads. Of a runner's first file what stands beside it too.

        Blocked where a program in a sandbox could have laid the way, or it is p42's own.
        """
        word = str(cwd / argv[0]) if argv and "/" in argv[0] else "".join(argv[:1])
        found = shutil.which(word, path=self.path)
        if found is None:
            return
        program = Path(os.path.abspath(found))  # noqa: PTH100 - pathlib leaves .. where it is
        yield from self._tree(program)
        runs = program.name.startswith(RUNNERS)
        for argument in argv[1:]:
            path = Path(os.path.normpath(cwd / argument[:LONGEST]))
            if argument and len(argument) < LONGEST and os.path.isfile(path):  # noqa: PTH113 - pathlib's raises
                if self._apart(path):
                    yield self._beside(path) if runs else path
                runs = False

    def _tree(self, program: Path) -> Iterator[Path]:
        """What belongs to the program at `program`, which may be a link."""
        real, link = self._led(program)
        if link:  # as in .venv/bin
            yield from self._interpreter(program, real, link)
            yield from () if self._is_own(program) else self._stands(program)
            return
        for path in dict.fromkeys((program, real)):
            yield from self._stands(path) if self._apart(path) else ()
            yield from self._base(path.parent.parent)

    def _stands(self, program: Path) -> Iterator[Path]:
        """What it stands in that was installed with it."""
        prefix = program.parent.parent
        if "node_modules" in program.parts:
            yield Path(*program.parts[: program.parts.index("node_modules") + 1])
        elif (prefix / "pyvenv.cfg").is_file() and not self._holds(prefix):
            yield prefix
        else:
            yield self._beside(program)

    def _base(self, prefix: Path) -> Iterator[Path]:
        """The interpreter that a virtual environment at `prefix` was made of."""
        python = prefix / "bin" / "python"
        if not (prefix / "pyvenv.cfg").is_file():
            return
        real, link = self._led(python)
        if link:
            yield from self._interpreter(python, real, link)
        elif not self._is_own(real):
            tree = real.parent.parent
            yield real if self._holds(tree) else tree

    def _interpreter(self, name: Path, real: Path, link: str) -> Iterator[Path]:
        """The tree of an interpreter that a link leads to which may be the program's own: no more
        than an interpreter's is opened so.
        """
        tree = real.parent.parent
        if within(str(real), walls.SYSTEM):
            return
        if not walls.is_base(str(tree), [str(self.home), str(self.person)]):
            raise Blocked(ways.told(str(name), str(real), link))
        yield tree

    def _apart(self, path: Path) -> bool:
        """Whether it is to be granted: it is not in what the program may write anyway."""
        if self._is_own(path):
            return False
        real, link = self._led(path)
        if link:
            raise Blocked(ways.told(str(path), str(real), link))
        if real.is_relative_to(self.home) and not self._is_open(real):
            raise Blocked(f"{path} is p42's own; leave it out, or choose another")
        return True

    def _led(self, path: Path) -> tuple[Path, str]:
        real, link = ways.leads(str(path), self.roots)
        return Path(real), link

    def _is_own(self, path: Path) -> bool:
        return any(path.is_relative_to(each) for each in self.own)

    def _is_open(self, path: Path) -> bool:
        return any(path.is_relative_to(self.home / each) for each in OPEN)

    def _beside(self, path: Path) -> Path:
        """The directory of `path`, or only `path` where that would open somebody's home."""
        return path if self._holds(path.parent) else path.parent

    def _holds(self, tree: Path) -> bool:
        return any(each.is_relative_to(tree) for each in (self.home, self.person))
