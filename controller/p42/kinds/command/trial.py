"""Trial: the declared tests of a command, run on the new bytes in an empty directory."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path

from p42.kinds.command.seen import MODE
from p42.kinds.command.spec import Command, Test
from p42.model.plan import Outcome
from p42.model.ports import Processes, Run, World

SECONDS = 30.0  # of one test; a command that needs longer is not one to wait for
SHOWN = 200  # characters of output in a verdict


async def run(world: World, name: str, *, data: bytes, spec: Command, work: str) -> Outcome:
    """Run all tests in order until one fails. Nothing is left behind, also when cancelled."""
    place = world.home / "run" / "tests"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as directory:
        script = Path(directory) / name
        world.files.place(script, data, mode=MODE)
        for number, test in enumerate(spec.tests, start=1):
            failure = await _one(world.processes, script, test)
            if failure:
                return Outcome(work, ok=False, detail=f"test {number} ({_shown(test)}): {failure}")
    return Outcome(work, ok=True, detail=f"{len(spec.tests)} passed")


async def _one(processes: Processes, script: Path, test: Test) -> str:
    """What is wrong with one run; "" = nothing."""
    with tempfile.TemporaryDirectory(dir=script.parent) as empty:
        done = await processes.run(
            [str(script), *test.args], stdin=test.stdin.encode(), cwd=Path(empty), timeout=SECONDS
        )
    if done.timed_out:
        return f"not done after {SECONDS:.0f} s"
    return _unmet(test, done)


def _unmet(test: Test, done: Run) -> str:
    expect, stdout = test.expect, done.stdout.decode(errors="replace")
    if done.exit_code != expect.exit_code:
        said = _cut(done.stderr.decode(errors="replace").strip() or stdout.strip())
        return f"exit code {done.exit_code} instead of {expect.exit_code}" + (
            f": {said}" if said else ""
        )
    if expect.stdout is not None and stdout.removesuffix("\n") != expect.stdout.removesuffix("\n"):
        return f"printed {_cut(stdout)!r} instead of {_cut(expect.stdout)!r}"
    if expect.matches is not None:
        try:
            if re.search(expect.matches, stdout) is None:
                return f"printed {_cut(stdout)!r}, which does not match {expect.matches!r}"
        except re.error as error:
            return f"expect.matches is no regular expression: {error}"
    return ""


def _shown(test: Test) -> str:
    return _cut(shlex.join(test.args)) or "no arguments"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
