"""One daemon for each home: one winner, the others know who it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from p42.runtimes.disk.lock import AlreadyRuns, HomeLock, holder

_DAEMON = """
import sys
from pathlib import Path
from p42.runtimes.disk.lock import AlreadyRuns, HomeLock
sys.stdin.readline()
try:
    with HomeLock(Path(sys.argv[1])):
        print("won", flush=True)
        sys.stdin.readline()
except AlreadyRuns as error:
    print(error, flush=True)
"""


def daemon(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _DAEMON, str(home)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip


def tell(child: subprocess.Popen[str]) -> str:
    """Let it go on to its next line and give what it says."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write("\n")
    return child.stdout.readline().strip()


def test_the_holder_tells_its_pid_and_leaves_nothing(home: Path) -> None:
    assert holder(home) is None
    with HomeLock(home):
        assert holder(home) == os.getpid()
        assert (home / "run" / "p42.pid").read_text() == f"{os.getpid()}\n"
    assert holder(home) is None
    assert list((home / "run").iterdir()) == []


def test_a_second_daemon_is_told_who_holds_the_home(home: Path) -> None:
    with HomeLock(home), daemon(home) as child:
        assert tell(child) == (
            f"p42 already runs for {home} (process {os.getpid()}); `p42 stop` ends it"
        )
        child.communicate()
    with HomeLock(home):
        pass


def test_of_fifty_that_start_at_once_one_wins(home: Path) -> None:
    children = [daemon(home) for _ in range(50)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
    said = [child.stdout.readline().strip() for child in children if child.stdout]
    winner = children[said.index("won")]
    assert said.count("won") == 1
    assert all("p42 already runs" in line for line in said if line != "won")
    assert holder(home) == winner.pid
    for child in children:
        child.communicate("\n")
    assert holder(home) is None


def test_a_killed_holder_holds_nothing(home: Path) -> None:
    with daemon(home) as child:
        assert tell(child) == "won"
        child.send_signal(signal.SIGKILL)
        child.communicate()
    assert holder(home) is None
    with HomeLock(home):
        assert holder(home) == os.getpid()


def test_asking_who_holds_it_never_keeps_a_daemon_out(home: Path) -> None:
    asker = "import sys; from pathlib import Path; from p42.runtimes.disk.lock import holder\n"
    asker += "print(flush=True)\nwhile True: holder(Path(sys.argv[1]))"
    with subprocess.Popen(
        [sys.executable, "-c", asker, str(home)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        for _ in range(200):
            with HomeLock(home):
                pass
        child.kill()


def test_a_home_that_was_replaced_is_not_robbed_of_its_lock(home: Path) -> None:
    with HomeLock(home):
        home.rename(home.with_name("away"))
        home.mkdir()
        with HomeLock(home):
            pass
        with daemon(home) as child:
            assert tell(child) == "won"
            child.communicate("\n")


def test_a_lock_in_one_process_is_a_lock(home: Path) -> None:
    with HomeLock(home), pytest.raises(AlreadyRuns) as caught, HomeLock(home):
        pass
    assert caught.value.pid == os.getpid()
