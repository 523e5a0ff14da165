"""What a killed keeper's programs had forked does not outlive the next keeper's start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from p42.keeper.orphans import KEPT, end_left_behind
from tests.keeper.conftest import Daemon, alive, begin, until

# One that forks a child into a session of its own, and tells its pid.
FORKS = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    with open(sys.argv[1] + ".part", "w") as told:
        told.write(str(os.getpid()))
    os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""

# One that leaves its parent, is adopted by the keeper, and asks that for more than it may.
ADOPTED = """
import os, socket, sys, time
parent = os.getpid()
if child := os.fork():
    with open(sys.argv[1] + "/left.part", "w") as told:
        told.write(str(child))
    os.rename(sys.argv[1] + "/left.part", sys.argv[1] + "/left")
    os._exit(0)
os.setsid()
while os.getppid() == parent:
    time.sleep(0.01)
door = socket.socket(socket.AF_UNIX)
door.connect(sys.argv[1] + "/keeper.sock")
with open(sys.argv[1] + "/heard.part", "wb") as heard:
    heard.write(b"heard: " + door.recv(1000))
os.rename(sys.argv[1] + "/heard.part", sys.argv[1] + "/heard")
"""


def test_who_was_adopted_by_the_keeper_is_no_daemon(daemon: Daemon, run: Path) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    daemon.ask(
        "run", (null, null, null), id="leaves", token="t", env={"PATH": os.defpath}, cwd="/",
        argv=[sys.executable, "-c", ADOPTED, str(run)],
    )  # fmt: skip
    os.close(null)
    heard, left = run / "heard", run / "left"
    until(left.exists, "it has left")
    # The keeper ends whom it adopts: perhaps before it could ask.
    until(lambda: heard.exists() or not alive(int(left.read_text())), "it has asked, or is gone")
    assert not heard.exists() or heard.read_bytes() == b"heard: "
    assert daemon.ask("table")["units"] == []


def test_what_a_program_forked_goes_with_the_next_keeper(daemon: Daemon, run: Path) -> None:
    told, null = run / "pid", os.open(os.devnull, os.O_RDWR)
    daemon.ask(
        "run", (null, null, null), id="forks", token="t", env={"PATH": os.defpath}, cwd="/",
        argv=[sys.executable, "-c", FORKS, str(told)],
    )  # fmt: skip
    os.close(null)
    until(told.exists, "it has forked")
    forked = int(told.read_text())
    os.kill(daemon.pid, signal.SIGKILL)
    until(lambda: not alive(daemon.pid), "the keeper is gone")
    assert alive(forked)  # the kernel ends a keeper's children, and not theirs
    begin(run)
    until(lambda: not alive(forked), "what it had forked is gone")


def test_whoever_a_daemon_was_started_by_is_left_alone(tmp_path: Path) -> None:
    """A program of p42's may call `p42 start`: the daemon then bears the mark."""
    argv = [sys.executable, "-c", "import time; time.sleep(600)"]
    kept = {"PATH": os.defpath, KEPT: str(tmp_path)}
    with subprocess.Popen(argv, env=kept) as daemon, subprocess.Popen(argv, env=kept) as orphan:
        (tmp_path / "p42.pid").write_text(f"{daemon.pid}\n")
        # Popen returns when the program is begun: its environment is there.
        assert end_left_behind(tmp_path) == (orphan.pid,)
        assert orphan.wait(10) == -signal.SIGKILL
        assert daemon.poll() is None
        daemon.kill()
