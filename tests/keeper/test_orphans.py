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
