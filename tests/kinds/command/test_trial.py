"""Declared tests: run before the old version is replaced, in a room of their own."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p42.kinds.command import spec, trial
from p42.kinds.command.runs import forged, work_of
from p42.model.errors import Retry
from p42.model.ports import Files, Run
from p42.model.refs import Ref
from p42.runtimes.sandbox.sandbox import Sandbox
from tests.kinds.command.conftest import Declare
from tests.laws.reality import Reality

HELLO = Ref("Command", "hello")


class FullTwice:
    """Files on a disk that is full for the first two writes."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._left = 2

    def place(self, path: Path, data: bytes, *, mode: int) -> None:
        if self._left:
            self._left -= 1
            raise Retry("the disk is full", after=0.001)
        self._files.place(path, data, mode=mode)


def rooms(there: Reality) -> list[Path]:
    place = trial.place(there.world.home)
    return list(place.iterdir()) if place.is_dir() else []


async def test_after_tests_that_pass_it_is_there(there: Reality, declare: Declare) -> None:
    want = declare(
        language="python",
        source="import sys\nprint(sys.stdin.read() + sys.argv[1])",
        tests=[
            {"args": ["b"], "stdin": "a", "expect": {"stdout": "ab\n", "matches": "^a.\\n$"}},
            {"expect": {"exitCode": 1}},
        ],
    )
    seen, plan = await there.make(HELLO, want)
    assert (plan.status.ready, seen.trial) == ("True", "passed")
    assert (there.commands / "hello").exists()
    assert rooms(there) == []


async def test_tests_that_fail_leave_the_old_version(there: Reality, declare: Declare) -> None:
    await there.make(HELLO, declare(source="echo hi"))
    before = (there.commands / "hello").read_bytes()
    want = declare(source="echo ho", tests=[{"args": ["x y"], "expect": {"stdout": "hi\n"}}])
    _, plan = await there.make(HELLO, want)
    assert plan.status.reason == "TestsFailed"
    assert plan.status.message == (
        "test 1 ('x y'): printed 'ho\\n' instead of 'hi\\n'; the old version stays"
    )
    assert (there.commands / "hello").read_bytes() == before


async def test_the_old_version_works_while_the_tests_run(
    there: Reality, declare: Declare, tmp_path: Path
) -> None:
    await there.make(HELLO, declare(source="echo hi"))
    before = (there.commands / "hello").read_bytes()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    want = declare(source=f"read line < {gate}; echo $line", tests=[{"expect": {"stdout": "go"}}])
    _, plan = await there.look(HELLO, want)
    for step in plan.steps:
        await there.driver.act(HELLO, want, step)
    _, plan = await there.look(HELLO, want)
    assert (plan.in_flight, plan.steps) == (True, ())
    assert (there.commands / "hello").read_bytes() == before
    await asyncio.to_thread(gate.write_text, "go\n")
    _, plan = await there.make(HELLO, want)
    assert plan.status.ready == "True"
    assert (there.commands / "hello").read_bytes() == forged(want)


async def test_tests_that_passed_are_not_run_again_to_heal(
    there: Reality, declare: Declare, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    want = declare(source=f"echo run >> {runs}", tests=[{}])
    await there.make(HELLO, want)
    (there.commands / "hello").unlink()
    await there.make(HELLO, want)
    assert runs.read_text() == "run\n"


async def test_other_tests_for_the_same_script_are_run(there: Reality, declare: Declare) -> None:
    await there.make(HELLO, declare(source="echo hi", tests=[{}]))
    want = declare(source="echo hi", tests=[{"expect": {"stdout": "ho"}}])
    _, plan = await there.make(HELLO, want)
    assert plan.status.reason == "TestsFailed"


async def test_each_test_begins_in_an_empty_directory(there: Reality, declare: Declare) -> None:
    want = declare(source="ls -A; touch left", tests=[{"expect": {"stdout": ""}}] * 2)
    _, plan = await there.make(HELLO, want)
    assert plan.status.ready == "True", plan.status.text


async def test_tests_that_need_a_program_wait_for_it(
    there: Reality, declare: Declare, programs: Path
) -> None:
    want = declare(source="moo", dependencies=["moo"], tests=[{}])
    _, plan = await there.make(HELLO, want)
    assert plan.status.reason == "Blocked"
    assert not (there.commands / "hello").exists()
    (programs / "moo").write_text("#!/bin/sh\n")
    (programs / "moo").chmod(0o755)
    _, plan = await there.make(HELLO, want)
    assert plan.status.ready == "True", plan.status.text


async def test_what_a_killed_daemon_left_is_swept(there: Reality, declare: Declare) -> None:
    left = trial.place(there.world.home) / "tmp-of-the-dead"
    left.mkdir(parents=True)
    await there.make(HELLO, declare(source="echo", tests=[{}]))
    assert rooms(there) == []


@pytest.mark.parametrize(
    ("expect", "run", "verdict"),
    [
        ({}, Run(0, b"", b""), ""),
        ({"exitCode": 3}, Run(3, b"", b""), ""),
        ({}, Run(2, b"", b"no such file\n"), "exit code 2 instead of 0: no such file"),
        ({}, Run(-9, b"", b""), "exit code -9 instead of 0"),
        ({"stdout": "a"}, Run(0, b"a\n", b""), ""),
        ({"stdout": "a\n"}, Run(0, b"a", b""), ""),
        ({"stdout": "a"}, Run(0, b"a\n\n", b""), "printed 'a\\n\\n' instead of 'a'"),
        ({"matches": r"b\d"}, Run(0, b"a\nb1\n", b""), ""),
        ({"matches": "z"}, Run(0, b"a", b""), "printed 'a', which does not match 'z'"),
        ({"matches": "("}, Run(0, b"a", b""), "expect.matches is no regular expression: '('"),
        ({"matches": "(a+)+$"}, Run(0, b"a" * 50_000 + b"!", b""), "..."),
    ],
)
def test_a_verdict_says_what_was_and_what_should_be(
    expect: dict[str, Any], run: Run, verdict: str
) -> None:
    """The last pattern would keep a backtracking engine busy for ever."""
    test = spec.Test.model_validate_json(f'{{"expect": {json.dumps(expect)}}}')
    found = trial.unmet(test, run)
    assert found == verdict if verdict != "..." else "does not match" in found


async def test_a_machine_without_room_says_nothing_about_the_command(
    there: Reality, declare: Declare
) -> None:
    """A full disk is tried again; it is never recorded as a failed test."""
    want = declare(source="echo hi", tests=[{}])
    world = replace(there.world, files=FullTwice(there.world.files))
    data = forged(want)
    assert data is not None
    outcome = await trial.Run(world, "hello", data, want.spec.tests)(work_of(want))
    assert outcome.ok


async def test_what_declares_a_sandbox_is_tested_inside(
    there: Reality, declare: Declare, tmp_path: Path
) -> None:
    if Sandbox.find(os.environ["PATH"]) is None:
        pytest.skip("this machine has no sandbox: bubblewrap or Landlock")
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    tests = [{"expect": {"exitCode": 0, "stdout": "inside\n"}}]
    script = f"cat {secret} 2>/dev/null; echo x > here && echo inside"
    seen, _ = await there.make(HELLO, declare(source=script, tests=tests, sandbox={}))
    assert seen.trial == "passed", seen.verdict
    granted = {"read": [str(secret)]}
    seen, _ = await there.make(HELLO, declare(source=script, tests=tests, sandbox=granted))
    assert seen.trial == "failed"
    assert "s3cret" in seen.verdict
