"""Trial: the declared tests of a command, run on the new bytes in an empty directory of its own.

What a model wrote is first read by the program that would run it; if a person agreed to it, it is
also begun once without arguments: in a sandbox, or not at all.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from p42.kinds.command.seen import MODE
from p42.kinds.command.spec import Command, Sandbox, Test
from p42.model import ports
from p42.model.errors import Blocked, Retry
from p42.model.faults import fault
from p42.model.grants import Grants
from p42.model.plan import Outcome
from p42.scripts.begins import breaks
from p42.scripts.inside import direct
from p42.scripts.leash import leashed
from p42.scripts.lock import Version
from p42.scripts.paths import astray, reached
from p42.scripts.syntax import misread, missing

SECONDS = 30.0  # of one test; a command that needs longer is not one to wait for
SHOWN = 200  # characters of output in a verdict
RETRY_FIRST, RETRY_MOST = 1.0, 30.0  # s between two tries when the machine lacks something
UNTESTED = b"untested"  # the result of a trial that did not come to its tests: it is no program
_UNRUN = b"unrun "  # then the time of the next try: the result of a trial that could not be held
AGAIN = 60.0  # s until then; by that time somebody may have installed a sandbox


def place(home: Path) -> Path:
    """Where test runs have their directories; nothing in it outlives its run."""
    return home / "run" / "tests"


@dataclass(frozen=True)
class Run:
    """All tests of one version."""

    world: ports.World
    name: str
    data: bytes
    tests: tuple[Test, ...]
    grants: Grants | None = None  # what it may reach: it runs in a sandbox; None = as a person's
    version: Version | None = None  # what a model wrote, to be read first
    agreed: bool = True  # a person said that it may run; else it is no more than read

    async def __call__(self, work: str) -> Outcome:
        """Run the tests in order until one fails. Nothing is left behind, also when cancelled.

        A full disk or a machine out of processes says nothing about the command: tried again. Nor
        does a machine without a sandbox: see `unrun`.
        """
        delay = RETRY_FIRST
        while True:
            try:
                return await self._once(work)
            except Blocked as error:
                result = _UNRUN + str(self.world.clock.now() + AGAIN).encode()
                return Outcome(work, ok=False, detail=str(error), result=result)
            except Retry as error:
                await self.world.clock.sleep(error.after or delay)
                delay = min(delay * 2, RETRY_MOST)

    async def _once(self, work: str) -> Outcome:
        with self._room() as room:
            if wrong := await self._wrong(room):
                return Outcome(work, ok=False, detail=wrong, result=UNTESTED)
            script = room / "bin" / self.name
            self.world.files.place(script, self.data, mode=MODE)
            for number, test in enumerate(self.tests, start=1):
                failure = await self._one(script, room / str(number), test)
                if failure:
                    detail = f"test {number} ({_shown(test)}): {failure}"
                    return Outcome(work, ok=False, detail=detail)
        return Outcome(work, ok=True, detail=f"{len(self.tests)} passed")

    async def _wrong(self, room: Path) -> str:
        """Why what a model wrote is no program here; "" = it is one, or a person wrote it."""
        if self.version is None:
            return ""
        source, language = self.version.source, self.version.language
        if program := missing(self.world.files, source, language):
            return f"it is run by {program}, which is not installed here"
        processes, files, empty = self.world.processes, self.world.files, room / "0"
        wrong = await misread(processes, empty, source, language)
        if wrong or not self.agreed:
            return wrong
        return await breaks(
            processes, files, empty, source, language=language, needs=self.version.dependencies
        )

    async def _one(self, script: Path, empty: Path, test: Test) -> str:
        """What is wrong with one run; "" = nothing."""
        grants = self.grants
        if grants is not None:
            read, write = (script.parent, *grants.read), (empty, *grants.write)
            grants = replace(grants, read=read, write=write, by=f"command/{self.name}")
        # Past p42's own first line: what goes into a sandbox here would not get into another there.
        argv = [*direct(self.data, str(script)), *test.args]
        done = await self.world.processes.run(
            argv if self.version is None else leashed(argv), stdin=test.stdin.encode(),
            cwd=empty, timeout=SECONDS, grants=grants,
        )  # fmt: skip
        return f"not done after {SECONDS:.0f} s" if done.timed_out else unmet(test, done)

    @contextmanager
    def _room(self) -> Iterator[Path]:
        """A directory with an empty one for each test, by its number from 1; 0 is for reading."""
        where = place(self.world.home)
        try:
            where.mkdir(mode=0o700, parents=True, exist_ok=True)
            # What a test makes undeletable is not the command's fault; swept at the next start.
            room = tempfile.TemporaryDirectory(dir=where, ignore_cleanup_errors=True)
            for number in range(len(self.tests) + 1):
                (Path(room.name) / str(number)).mkdir()
        except OSError as error:
            raise fault(error, str(where)) from error
        with room as name:
            yield Path(name)


def unrun(result: bytes) -> float:
    """When a trial that could not be held is due again, wall time; 0 = it was held."""
    return float(result.removeprefix(_UNRUN)) if result.startswith(_UNRUN) else 0.0


def unmet(test: Test, done: ports.Run) -> str:
    """What `done` is not that `test` expects; "" = it is as expected."""
    expect, stdout = test.expect, done.stdout.decode(errors="replace")
    if done.exit_code != expect.exit_code:
        said = _cut(done.stderr.decode(errors="replace").strip() or stdout.strip())
        told = f"exit code {done.exit_code} instead of {expect.exit_code}"
        return f"{told}: {said}" if said else told
    if expect.stdout is not None and stdout.removesuffix("\n") != expect.stdout.removesuffix("\n"):
        return f"printed {_cut(stdout)!r} instead of {_cut(expect.stdout)!r}"
    if expect.matches is None:
        return ""
    try:
        # Rust's engine, which pydantic brings along: no pattern makes it take for ever.
        TypeAdapter(Annotated[str, Field(pattern=expect.matches)]).validate_python(stdout)
    except ValidationError:
        return f"printed {_cut(stdout)!r}, which does not match {expect.matches!r}"
    except SchemaError:
        return f"expect.matches is no regular expression: {expect.matches!r}"
    return ""


def _shown(test: Test) -> str:
    return _cut(shlex.join(test.args)) or "no arguments"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def granted(sandbox: Sandbox | None, *, machine: bool) -> Grants | None:
    """What a command's tests may reach: what it declares; nothing, if a machine wrote it.

    What it is run in is each test's own empty directory. Raises Astray: see `unheld`.
    """
    if sandbox is None:
        return Grants() if machine else None
    read, write = (tuple(map(Path, reached(which, here="")))
                   for which in (sandbox.read, sandbox.write))  # fmt: skip
    return Grants(read, write, network=sandbox.network, by="tests of a command")


def unheld(spec: Command) -> str:
    """Why the sandbox that it declares could not be kept to; "" = it can, or it declares none."""
    if spec.sandbox is None:
        return ""
    if spec.verbatim:
        return (
            "verbatim leaves no room for the lines that put it into its sandbox when a person runs "
            "it; take out verbatim or sandbox"
        )
    return next(filter(None, map(astray, (*spec.sandbox.read, *spec.sandbox.write))), "")
