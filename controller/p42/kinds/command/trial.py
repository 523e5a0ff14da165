"""Trial: the declared tests of a command, run on the new bytes in an empty directory of its own."""

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
from p42.kinds.command.spec import Sandbox, Test
from p42.model import ports
from p42.model.errors import Retry
from p42.model.faults import fault
from p42.model.grants import Grants
from p42.model.plan import Outcome

SECONDS = 30.0  # of one test; a command that needs longer is not one to wait for
SHOWN = 200  # characters of output in a verdict
RETRY_FIRST, RETRY_MOST = 1.0, 30.0  # s between two tries when the machine lacks something


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

    async def __call__(self, work: str) -> Outcome:
        """Run the tests in order until one fails. Nothing is left behind, also when cancelled.

        A full disk or a machine out of processes says nothing about the command: tried again.
        """
        delay = RETRY_FIRST
        while True:
            try:
                return await self._once(work)
            except Retry as error:
                await self.world.clock.sleep(error.after or delay)
                delay = min(delay * 2, RETRY_MOST)

    async def _once(self, work: str) -> Outcome:
        with self._room() as room:
            script = room / "bin" / self.name
            self.world.files.place(script, self.data, mode=MODE)
            for number, test in enumerate(self.tests, start=1):
                failure = await self._one(script, room / str(number), test)
                if failure:
                    detail = f"test {number} ({_shown(test)}): {failure}"
                    return Outcome(work, ok=False, detail=detail)
        return Outcome(work, ok=True, detail=f"{len(self.tests)} passed")

    async def _one(self, script: Path, empty: Path, test: Test) -> str:
        """What is wrong with one run; "" = nothing."""
        grants = self.grants
        if grants is not None:
            read, write = (script.parent, *grants.read), (empty, *grants.write)
            grants = replace(grants, read=read, write=write)
        done = await self.world.processes.run(
            [str(script), *test.args], stdin=test.stdin.encode(), cwd=empty, timeout=SECONDS,
            grants=grants,
        )  # fmt: skip
        return f"not done after {SECONDS:.0f} s" if done.timed_out else unmet(test, done)

    @contextmanager
    def _room(self) -> Iterator[Path]:
        """A directory with an empty one for each test, by its number from 1."""
        where = place(self.world.home)
        try:
            where.mkdir(mode=0o700, parents=True, exist_ok=True)
            # What a test makes undeletable is not the command's fault; swept at the next start.
            room = tempfile.TemporaryDirectory(dir=where, ignore_cleanup_errors=True)
            for number in range(1, len(self.tests) + 1):
                (Path(room.name) / str(number)).mkdir()
        except OSError as error:
            raise fault(error, str(where)) from error
        with room as name:
            yield Path(name)


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
    """What a command's tests may reach: what it declares; nothing, if a machine wrote it."""
    if sandbox is None:
        return Grants() if machine else None
    read, write = (tuple(Path(each).expanduser() for each in which)
                   for which in (sandbox.read, sandbox.write))  # fmt: skip
    return Grants(read, write, network=sandbox.network)
