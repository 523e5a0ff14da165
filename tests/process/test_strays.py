"""What p42 started is known as p42's and ends with it, whatever it does to be taken for another."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from p42.keeper import brand
from tests.approval.test_daemon import git, until
from tests.doors.daemons import PATIENCE, Daemon, command, declare, running
from tests.process.room import alive

# Forked twice, in a session of its own, with an empty environment, under init. Then, as often as
# `go` is there, it raises the mark if it can, asks the socket to approve, and writes the answer.
STRAY = """
import json, os, resource, signal, socket, sys, time
place, home, request = sys.argv[1:4]
if len(sys.argv) == 4:
    try:
        os.close(os.open(place + "/begun", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        os._exit(0)
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.execve(sys.executable, [sys.executable, "-S", __file__, *sys.argv[1:], "stray"], {})
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
with open(place + "/pid.part", "w") as told:
    told.write(str(os.getpid()))
os.rename(place + "/pid.part", place + "/pid")
while True:
    time.sleep(0.02)
    if not os.path.exists(place + "/go"):
        continue
    os.unlink(place + "/go")
    try:
        resource.setrlimit(10, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        pass
    door = socket.socket(socket.AF_UNIX)
    door.connect(home + "/run/p42.sock")
    door.sendall(request.encode() + b"\\n")
    with open(place + "/said.part", "w") as said:
        said.write(door.makefile().readline())
    os.rename(place + "/said.part", place + "/said")
"""


class Stray:
    """One that is on its way; `line` starts it."""

    def __init__(self, place: Path, home: Path, digest: str) -> None:
        self.place = place
        place.mkdir()
        script = place / "stray.py"
        script.write_text(STRAY)
        payload = {"refs": ["command/held"], "digests": [digest]}
        request = json.dumps({"type": "approve", "id": "1", "payload": payload})
        self.line = f"{sys.executable} {script} {place} {home} '{request}'"

    @property
    def pid(self) -> int:
        waited(lambda: (self.place / "pid").exists())
        return int((self.place / "pid").read_text())

    def asks(self) -> str:
        """What it is told."""
        (self.place / "said").unlink(missing_ok=True)
        (self.place / "go").touch()
        waited(lambda: (self.place / "said").exists())
        return (self.place / "said").read_text()


def waited(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def strayed(tmp_path: Path, *, by: str) -> Iterator[tuple[Daemon, Stray]]:
    """A daemon with something to approve, and a stray that its git, or a test of a command, is
    the ancestor of.
    """
    source, tools = tmp_path / "source", tmp_path / "tools"
    tools.mkdir()
    declare(source, "held", "echo one")
    git(source, "init", "-q", "-b", "main")
    path = f"{tools}:{os.environ['PATH']}"
    with running(tmp_path / "home", P42_TRUST="pin", PATH=path) as daemon:
        assert daemon.ask("apply", paths=[str(source)])["code"] == 0
        declare(source, "held", "echo evil")
        until(daemon, "command/held", "NeedsApproval")
        (waiting,) = daemon.ask("approvals")["items"]
        stray = Stray(tmp_path / "stray", daemon.home, waiting["digest"])
        if by == "git":
            shim = tools / "git"
            shim.write_text(f'#!/bin/sh\n{stray.line}\nexec {shutil.which("git")} "$@"\n')
            shim.chmod(0o755)
            declare(source, "another")  # which git may ignore: it is asked
        else:
            body = json.loads(command("sly", f"{stray.line}\nsleep 600"))
            body["spec"]["tests"] = [{"expect": {"stdout": "no way"}}]
            (source / "sly.yaml").write_text(json.dumps(body))
            daemon.ask("apply", paths=[str(source / "sly.yaml")], timeout=0.1)
        try:
            yield daemon, stray
        finally:
            with suppress(ProcessLookupError):
                os.kill(stray.pid, signal.SIGKILL)


def test_two_forks_of_what_the_daemon_runs_are_no_person_and_end_with_it(tmp_path: Path) -> None:
    with strayed(tmp_path, by="git") as (daemon, stray):
        declare(tmp_path / "source", "held", "echo worse")
        until(daemon, "command/held", "NeedsApproval")
        parent = Path(f"/proc/{stray.pid}/stat").read_text().rpartition(")")[2].split()[1]
        assert int(parent) != daemon.process.pid
        assert "may not ask for approve" in stray.asks()
        assert alive(stray.pid)
        daemon.stop()
        assert not alive(stray.pid)


def test_a_kill_of_the_daemon_makes_no_person_of_it(tmp_path: Path) -> None:
    with strayed(tmp_path, by="git") as (daemon, stray):
        pid = stray.pid
        daemon.process.kill()
        daemon.process.wait()
        assert alive(pid)
        with running(daemon.home):
            assert not alive(pid)


def test_a_kill_of_the_keeper_makes_no_person_of_what_had_left_it(tmp_path: Path) -> None:
    with strayed(tmp_path, by="test") as (daemon, stray):
        pid, keeper = stray.pid, int((daemon.home / "run" / "keeper.lock").read_text())
        os.kill(keeper, signal.SIGKILL)
        waited(lambda: not alive(keeper))
        # The next keeper ends it; until that looks, it is nobody who could agree.
        with suppress(AssertionError):
            if alive(pid):
                assert "may not ask for approve" in stray.asks() or not alive(pid)
        waited(lambda: not alive(pid))


def test_a_brand_cannot_be_taken_off_and_tells_homes_apart(tmp_path: Path) -> None:
    a, b = brand.value_of(tmp_path / "a"), brand.value_of(tmp_path / "b")
    assert a != b
    code = f"""
import resource, subprocess, sys
from pathlib import Path
from p42.keeper import brand
assert brand.mark() is None
brand.take(Path({str(tmp_path / "a")!r}))
assert brand.mark() == {a}
child = "import resource; resource.setrlimit(10, (-1, -1))"
done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True)
assert "not allowed to raise" in done.stderr, done
with subprocess.Popen(["sleep", "600"]) as child:
    assert brand.is_on(child.pid)
    brand.take(Path({str(tmp_path / "a")!r}))
    assert brand.is_on(child.pid)  # one of ours started this daemon
    brand.take(Path({str(tmp_path / "b")!r}))
    assert brand.mark() == {min(b, a - 1) if b < a else a - 1}
    assert not brand.is_on(child.pid)  # another home's is a person to this one
    child.kill()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_who_bears_none_knows_nobody_by_it() -> None:
    if resource.getrlimit(10)[1] != resource.RLIM_INFINITY:
        pytest.skip("these tests were started by a program of p42's")
    assert brand.mark() is None
    assert not brand.is_on(os.getpid())
    assert not brand.is_on(2**30)
