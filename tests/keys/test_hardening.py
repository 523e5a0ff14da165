"""The daemon's memory stays the daemon's: no core dump, no look from outside, no key in a child."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.doors.daemons import running

CHILD = """
import ctypes, resource
from p42.runtimes.hardening import harden
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
harden()
print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the mark is Linux' own: prctl(2)")
def test_a_hardened_process_dumps_no_core_and_is_marked() -> None:
    said = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, check=True).stdout
    assert said.split() == [b"0", b"0"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_daemon_is_hardened(tmp_path: Path) -> None:
    with running(tmp_path / "home") as daemon:
        pid = daemon.process.pid
        assert resource.prlimit(pid, resource.RLIMIT_CORE)[0] == 0
        # The kernel gives /proc/PID of a process with the mark to root: proc(5).
        assert Path(f"/proc/{pid}/environ").stat().st_uid == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_child_gets_a_key_by_its_environment(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "ci.yaml").write_text(
        '{"apiVersion": "p42.dev/v1", "kind": "ProjectCI", "metadata": {"name": "numa"},'
        ' "spec": {"activation": "always"}}'
    )
    env = {"ANTHROPIC_API_KEY": "canary-0123456789", "P42_KEYS_PASSPHRASE": "canary-9876543210"}
    with running(tmp_path / "home", **env) as daemon:
        for _ in daemon.stream("apply", paths=[str(source)]):
            pass
        mine = str(tmp_path / "home")
        others = [each for each in psutil.process_iter() if each.pid != daemon.process.pid]
        ours = [each for each in others if mine in " ".join(_cmdline(each))]
        assert ours  # at least the keeper
        family = {child for each in ours for child in [each, *each.children(recursive=True)]}
        for each in family:
            assert b"canary" not in Path(f"/proc/{each.pid}/environ").read_bytes()


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
