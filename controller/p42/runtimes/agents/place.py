"""AgentPlaces: where a program that is an agent runs: its directories, its environment, its walls.

    HOME/agents/NAME/        its own: $HOME, $TMPDIR and, where no cwd is declared, its cwd
    HOME/integrations/NAME/  the same for a server that p42 starts for agents

In a sandbox it sees the system's programs, its own program, its own directory and the cwd that was
declared for it, and has the network. Of p42's home it sees only its own directory; manifests that
p42 follows it may read and not change. Where there is no sandbox it runs all the same, since a
person declared it; `loose` tells it then, and what it could write is to be treated as `pin`.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p42.model.errors import Blocked
from p42.model.faults import fault
from p42.model.grants import Grants
from p42.model.missing import missing
from p42.runtimes.agents.files import made
from p42.runtimes.agents.needs import LONGEST, Needs
from p42.runtimes.processes import allowed
from p42.runtimes.sandbox.reach import Reach
from p42.runtimes.sandbox.sandbox import Sandbox
from p42.runtimes.sandbox.settled import settled
from p42.scripts import ways

_log = logging.getLogger("p42.agents")


@dataclass(frozen=True, slots=True)
class Ward:
    """Whose programs: where their own directories are, which variable holds their name, and where
    their manifest says the cwd. `opens`: directories that their arguments name are granted.
    """

    directory: str
    variable: str
    cwd: str
    opens: bool = False


AGENTS = Ward("agents", "P42_AGENT", "spec.process.cwd")
SERVERS = Ward("integrations", "P42_INTEGRATION", "spec.config.cwd", opens=True)


@dataclass(frozen=True, slots=True)
class Place:
    """`own` is the agent's directory. `wrapped`: whether the program runs in a sandbox, within
    `walls`; `reach` is what it can then write, `who` whose program it is, as a person is told.
    """

    own: Path
    cwd: Path
    program: str
    env: Mapping[str, str] = field(repr=False)
    wrap: Callable[[Sequence[str]], list[str]] = field(repr=False)
    wrapped: bool = False
    walls: Grants | None = None
    reach: Reach | None = None
    who: str = ""


class AgentPlaces:
    """`env` is what the allow-list picks from; `sources` are the directories p42 follows."""

    def __init__(
        self,
        home: Path,
        env: Mapping[str, str],
        *,
        sources: Callable[[], Sequence[str]],
        ward: Ward = AGENTS,
    ) -> None:
        self._home, self._env, self._sources = home.resolve(), allowed(env), sources
        self._ward = ward
        self._path = env.get("PATH", os.defpath)
        self._sandbox: Sandbox | None = None
        self._sought = False
        self.agents = self._home / ward.directory
        self.loose = False  # whether an agent's program has run without a sandbox

    def settle(
        self, agent: str, process: Mapping[str, Any], starts: Iterable[Sequence[str]] = ()
    ) -> Place:
        """The place of `agent`, made where it is not there. `process` is the spec's. Blocking.

        `starts`: command lines of what it is told to start itself. Blocked when the program or the
        cwd is not there, Retry for a full disk.
        """
        own = self.agents / agent
        made(own)
        cwd = self._cwd(process, own)
        program = self._program(str(process["command"]), cwd)
        programs = [[str(program), *process.get("args", ())], *starts]
        roots = [cwd, *(self._named(programs[0]) if self._ward.opens else ())]
        who = f"{self._ward.directory.removesuffix('s')}/{agent}"
        wrap, walls, reach = self._wrap(who, programs, own, roots)
        env = {
            **self._env, **process.get("env", {}), "HOME": str(own), "TMPDIR": str(own / "tmp"),
            "P42_HOME": str(self._home), self._ward.variable: agent,
        }  # fmt: skip
        return Place(own, cwd, str(program), env, wrap, walls is not None, walls, reach, who)

    def _cwd(self, process: Mapping[str, Any], own: Path) -> Path:
        declared = process.get("cwd")
        if not declared:
            return own
        cwd = _expanded(str(declared))
        if not cwd.is_absolute():
            raise Blocked(f"{self._ward.cwd}: {declared} must be absolute, or begin with ~")
        if not cwd.is_dir():
            raise Blocked(f"{self._ward.cwd}: {cwd} is no directory; make it")
        return self._foreign(cwd, self._ward.cwd)

    def _foreign(self, path: Path, where: str) -> Path:
        """Where `path` leads. Blocked where that is p42's own, or a program may have laid it."""
        real, link = ways.leads(str(path), self._noted())
        if link:
            raise Blocked(f"{where}: {ways.told(str(path), real, link)}")
        if Path(real).is_relative_to(self._home):
            raise Blocked(f"{where}: {path} is p42's own; leave it out, or choose another")
        return Path(real)

    def _noted(self) -> Sequence[str]:
        try:
            return ways.noted(str(self._home))
        except OSError as error:
            raise fault(error, str(self._home / ways.NAME)) from error

    def _named(self, argv: Sequence[str]) -> Iterator[Path]:
        """Directories that arguments name: what the person who wrote them means to be worked on."""
        for argument in argv[1:]:
            path = Path(argument[:LONGEST])
            if path.is_absolute() and len(argument) < LONGEST and os.path.isdir(path):  # noqa: PTH112 - pathlib's raises
                found = self._foreign(path, "spec.config.args")
                if found == Path("/"):
                    raise Blocked("spec.config.args: / is everything; name a directory below it")
                yield found

    def _program(self, command: str, cwd: Path) -> Path:
        path = str(cwd / _expanded(command)) if "/" in command else command
        found = shutil.which(path, path=self._path)
        if found is None:
            raise Blocked(missing(command))
        return Path(found)

    def _wrap(
        self, who: str, programs: Sequence[Sequence[str]], own: Path, roots: Sequence[Path]
    ) -> tuple[Callable[[Sequence[str]], list[str]], Grants | None, Reach | None]:
        if not self._sought:
            self._sandbox, self._sought = Sandbox.find(self._path), True
        sandbox = self._sandbox
        if sandbox is None:
            if not self.loose:
                self.loose = True
                _log.warning(
                    "%s runs without a sandbox: none works on this machine; until it ends "
                    "every change of a manifest waits for approval",
                    who,
                )
            return list, None, None
        wanted = self._grants(programs, own, roots, walled=sandbox.form == "bwrap")
        grants = settled(wanted, self._home)
        reach = Reach.of(grants, sandbox.form, private=self._home)
        return lambda argv: sandbox.wrap(argv, grants, roots[0]), grants, reach

    def _grants(
        self, programs: Sequence[Sequence[str]], own: Path, roots: Sequence[Path], *, walled: bool
    ) -> Grants:
        """`roots` are worked on, the cwd first. `walled`: what is inside a writable directory can
        be kept from it.
        """
        sources = [Path(each) for each in self._sources()]  # they are real paths
        mine = [Path(os.path.realpath(own)), *roots]
        needs = Needs(
            self._path, self._home, Path(self._env.get("HOME", "/")), mine,
            [*self._noted(), *map(str, mine)],
        )  # fmt: skip
        read = [each for argv in programs for each in needs.of(argv, roots[0])]
        write, hide = [own], tuple[Path, ...]()
        for root in roots:
            inside = [each for each in sources if each.is_relative_to(root)]
            fixed = any(root.is_relative_to(each) for each in sources) or (inside and not walled)
            walls = list(inside)
            if self._home.is_relative_to(root):
                hide = (self._home,)
                walls.append(self._home)
                self._hidden(root, walled=walled)
            (read if fixed else write).append(root)
            if not fixed:  # mounted by itself, none can be renamed to put another in its place
                between = (above for wall in walls for above in _between(root, wall))
                write += [a for a in between if not any(a.is_relative_to(s) for s in sources)]
            read += inside
        if not walled:  # runtimes such as bun read what the kernel says of themselves
            read.append(Path("/proc"))
        return Grants(tuple(read), tuple(write), network=True, hide=hide)

    def _hidden(self, root: Path, *, walled: bool) -> None:
        """Blocked where p42's home inside `root` would be seen."""
        if not walled:
            raise Blocked(
                f"{self._ward.cwd}: p42's home is in {root}, and Landlock cannot hide it; choose "
                "another directory, or install bubblewrap (apt install bubblewrap)"
            )


def _between(root: Path, inner: Path) -> Iterator[Path]:
    """The directories below `root` that lead to `inner`."""
    yield from (each for each in inner.parents if each != root and each.is_relative_to(root))


def _expanded(path: str) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's raises for an unknown user
