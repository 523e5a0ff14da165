"""Crash: killed at any system call of a write, the file is old or new, and nothing stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from p42.manifest.write.draft import Job, Wanted
from p42.manifest.write.scribe import Scribe
from tests.write import scene

# All that change something, and fcntl, between whose calls the lease is held.
_CALLS = (
    "openat", "mkdir", "write", "close", "fsync", "rename", "renameat2", "unlink", "fchmod",
    "fcntl", "flock",
)  # fmt: skip
_MOST = 60  # of one of them in a write

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
    pytest.mark.timeout(300),
]


def scribe(home: Path) -> Scribe:
    return Scribe(str(home), mode="inline", pace=scene.AT_ONCE, tell=print, durable=True)


def write(home: Path, file: Path, reason: str) -> None:
    what = scene.resource(file)
    wanted = Wanted(what, scene.status(what, reason))
    writer = scribe(home)
    writer.write([Job(str(file), (wanted,))], hurry=True)
    writer.look()
    writer.close()


def killed_at(call: str, number: int, do: Callable[[], None]) -> bool:
    """Do it in a child that strace kills at that call. False if it came to its end."""
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
        do()
        os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    words = ["strace", "-q", "-o", "/dev/null", "-p", str(child), "-e", f"trace={call}"]
    words += ["-e", f"inject={call}:signal=KILL:when={number}"]
    tracer = subprocess.Popen(words, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while "TracerPid:\t0" in Path(f"/proc/{child}/status").read_text():
        if tracer.poll() is not None or time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.skip(f"strace cannot attach here: {tracer.communicate()[1]!r}")
    os.kill(child, signal.SIGCONT)
    _, how = os.waitpid(child, 0)
    tracer.wait()
    assert tracer.stderr is not None
    tracer.stderr.close()
    assert os.WIFSIGNALED(how) or os.WEXITSTATUS(how) == 0
    return os.WIFSIGNALED(how)


@pytest.mark.parametrize("call", _CALLS)
def test_old_or_new_never_torn_and_nothing_left(home: Path, file: Path, call: str) -> None:
    """Odd calls of a first write into a directory, even ones of a later write."""
    old = file.read_bytes()
    write(home, file, "Reconciled")
    new = file.read_bytes()
    for number in range(1, _MOST):
        file.write_bytes(old)
        if number % 2:
            shutil.rmtree(file.parent / ".p42", ignore_errors=True)
        else:
            write(home, file, "Blocked")
        before = file.read_bytes()
        killed = killed_at(call, number, lambda: write(home, file, "Reconciled"))
        assert file.read_bytes() in (before, new), number
        write(home, file, "Reconciled")
        assert file.read_bytes() == new, number
        assert not scene.left_in(file.parent), number
        assert not list(file.parent.glob("*conflict*")), number
        if not killed and not number % 2:
            return
    pytest.fail(f"a write makes more than {_MOST} calls of {call}")
