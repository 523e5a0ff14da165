"""Spawning: the daemon in the background: forked twice, a session of its own, its log in a file."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NoReturn

from p42.cli import processes, telling, terminal
from p42.client import link
from p42.model.errors import NoDaemon, P42Error

PATIENCE = 30.0  # s until the socket answers; a big home on a busy machine needs a few
AFTERMATH = 0.5  # s after ours ended: the one that was faster may not have written its pid yet
POLL = 0.02  # s
LAST_WORDS = 8  # lines of the log in the message of a failed start


def ensure(home: str) -> bool:
    """Have a daemon under `home`; whether it was started now. NoDaemon if that fails."""
    if link.is_up(home):
        return False
    pid = start(home)
    terminal.notice(f"p42: started the daemon (pid {pid})")
    return True


def start(home: str) -> int:
    """Start one and return its pid when it answers. NoDaemon with its last words if it does not."""
    try:
        log = _log(home)
        before = log.stat().st_size if log.exists() else 0  # what others said is not of this start
        pid = _spawn(home, log)
    except OSError as error:
        where = error.filename or home
        raise NoDaemon(f"the daemon cannot be started: {where}: {error.strerror}") from None
    if _answers(home, pid):
        return _holder(home) or pid
    said = "\n".join(f"  | {line}" for line in telling.last_words(LAST_WORDS, since=before))
    ended = "ended at once" if not processes.is_alive(pid) else f"does not answer (pid {pid})"
    raise NoDaemon(f"the daemon {ended}; the end of {log}:\n{said or _silence(home)}")


def _silence(home: str) -> str:
    full = os.statvfs(home).f_bavail == 0  # then there was no room for last words
    return "  (nothing: the disk is full; free some space)" if full else "  (nothing)"


def _answers(home: str, pid: int) -> bool:
    """Whether a daemon comes to answer: ours, or one that was started at the same moment."""
    end = time.monotonic() + PATIENCE
    alone_since: float | None = None
    while time.monotonic() < end:
        try:
            if link.is_up(home):
                return True
        except P42Error:
            pass  # a socket that does not take connections yet
        if not processes.has_ended(pid, within=POLL) or _holder(home):
            alone_since = None
            time.sleep(POLL)
            continue
        alone_since = alone_since or time.monotonic()
        if time.monotonic() > alone_since + AFTERMATH:
            return False
        time.sleep(POLL)
    return False


def _holder(home: str) -> int | None:
    return processes.pid_in(Path(home) / "run" / "p42.pid")


def _log(home: str) -> Path:
    path = Path(home) / "logs" / "daemon.log"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _spawn(home: str, log: Path) -> int:
    """The pid of the daemon-to-be; its parent is init, so nobody has to collect it."""
    sys.stdout.flush()
    sys.stderr.flush()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        _in_between(home, log, tell)
    os.close(tell)
    with os.fdopen(told, "rb") as answer:
        pid = answer.read()
    os.waitpid(child, 0)
    if not pid:
        raise NoDaemon("the daemon cannot be started: no process to be had")
    return int(pid)


def _in_between(home: str, log: Path, tell: int) -> NoReturn:
    try:
        os.setsid()  # the terminal's Ctrl-C and hang-up are not the daemon's
        grandchild = os.fork()
        if grandchild:
            os.write(tell, str(grandchild).encode())
            os._exit(0)
        _become_daemon(home, log)
    finally:
        os._exit(1)


def _become_daemon(home: str, log: Path) -> NoReturn:
    nothing = os.open(os.devnull, os.O_RDONLY)
    said = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for source, target in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(source, target)
    os.closerange(3, 1024)  # a pipe of our caller, kept open, would keep that caller waiting
    os.chdir(home)
    # -P: the directory we stand in is not where p42 is imported from
    argv = [sys.executable, "-P", "-m", "p42", "serve"]
    os.execve(sys.executable, argv, {**os.environ, "P42_HOME": home})  # noqa: S606
