"""Idle is silent: nothing under home or manifests is written while nothing happens.

The virtual day of tests/engine proves that the loop asks for no write; this proves that the whole
daemon makes none, by the times of every file before and after some idle seconds.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import account, agent, command, integration, joined, project, save

IDLE = float(os.environ.get("P42_TEST_IDLE", "3"))  # s; statuses are written 1 s after a change
QUIET = 8.0  # s until the last of what an apply causes is written: gap and settle of the writer


def times(*roots: Path) -> dict[str, tuple[int, int, int]]:
    """What any write changes: inode, mtime and ctime of every file and directory."""
    found = {}
    for root in roots:
        for path in [root, *root.rglob("*")]:
            stat = path.lstat()
            found[str(path)] = (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
    return found


def still(box: Box, seconds: float) -> dict[str, tuple[int, int, int]]:
    """Times after a first stretch in which nothing changed."""
    last = times(box.home, box.manifests)

    def unchanged() -> bool:
        nonlocal last
        select.select([], [], [], seconds)
        before, last = last, times(box.home, box.manifests)
        return before == last

    box.until(unchanged, "a quiet moment", QUIET + PATIENCE_MORE)
    return last


PATIENCE_MORE = 20.0  # s; beside other tests everything comes later


@pytest.fixture
def idle(box: Box) -> Box:
    save(box.manifests / "one.yaml", command("one"))
    save(box.manifests / "kinds.yaml", joined(account("local", default=True), agent("muse"),
         integration("work"), project("numa")))  # fmt: skip
    save(box.manifests / "broken.yaml", command("broken").replace("source", "sorce"))
    save(box.manifests / "waits.yaml", agent("waits", accountRef="nobody"))
    (box.manifests / "broken.yaml").rename(box.root / "later.yaml")
    box.apply()
    (box.root / "later.yaml").rename(box.manifests / "broken.yaml")
    box.until(lambda: box.overview()["broken"], "one is broken, one waits")
    return box


def test_nothing_is_written_while_nothing_happens(idle: Box) -> None:
    before = still(idle, 1.5)
    calls = traced(idle, IDLE)
    assert times(idle.home, idle.manifests) == before
    assert [call for call in calls if _writes(call)] == []


def traced(box: Box, seconds: float) -> list[str]:
    """The daemon's calls that may write, in so many seconds; none where there is no strace."""
    assert box.process is not None
    if shutil.which("strace") is None:
        select.select([], [], [], seconds)
        return []
    calls = "trace=write,pwrite64,openat,rename,renameat2,unlink,unlinkat,mkdir,fsync,fdatasync"
    trace = box.root / "trace"
    tracing = subprocess.Popen(["strace", "-f", "-qq", "-e", calls, "-o", str(trace),
                                "-p", str(box.process.pid)], stderr=subprocess.DEVNULL)  # fmt: skip
    with contextlib.suppress(subprocess.TimeoutExpired):
        tracing.wait(seconds)  # it ends at once where it may not attach
        select.select([], [], [], seconds)
    tracing.terminate()
    tracing.wait()
    return trace.read_text().splitlines() if trace.exists() else []


def _writes(line: str) -> bool:
    if "openat" in line:
        return "O_WRONLY" in line or "O_RDWR" in line or "O_CREAT" in line
    return not ("write(" in line and '\\1\\0\\0\\0\\0\\0\\0\\0", 8' in line)  # a thread's wake-up
