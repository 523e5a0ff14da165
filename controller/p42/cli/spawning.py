"""Spawning: the daemon in the background: forked twice, a session of its own, its log in a file."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from p42.cli import processes, telling, terminal
from p42.client import link
from p42.model.errors import NoDaemon, P42Error

PATIENCE = 30.0  # s until the socket answers; a big home on a busy machine needs a few
AFTERMATH = 0.5  # s after ours ended: the one that was faster may not have written its pid yet
POLL = 0.02  # s
SELDOM = 0.25  # s between two looks of one who waits for another's start
LAST_WORDS = 8  # lines of the log in the message of a failed start


def ensure(home: str) -> bool:
    """Have a daemon under `home`; whether it was started now. NoDaemon if that fails."""
    if link.is_up(home):
        return False
    pid = start(home)
    terminal.notice(f"p42: started the daemon (pid {pid})")
    return True


def start(home: str) -> int:
    """Have one and return its pid when it answers. NoDaemon with its last words if it does not.

    Of many at once one starts it; the others wait for that, and find it answering.
    """
    try:
        with _turn(home) as is_up:
            return (_holder(home) if is_up else None) or _started(home)
    except OSError as error:
        where = error.filename or home
        raise NoDaemon(f"the daemon cannot be started: {where}: {error.strerror}") from None


def _started(home: str) -> int:
    log = _log(home)
    before = log.stat().st_size if log.exists() else 0  # what others said is not of this start
    pid = _spawn(home, log)
    if _answers(home, pid):
        return _holder(home) or pid
    said = "\n".join(f"  | {line}" for line in telling.last_words(LAST_WORDS, since=before))
    ended = "ended at once" if not processes.is_alive(pid) else f"does not answer (pid {pid})"
    raise NoDaemon(f"the daemon {ended}; the end of {log}:\n{said or _silence(home)}")


@contextmanager
def _turn(home: str) -> Iterator[bool]:
    """Alone among those who start a daemon of `home` inside the block; whether one answers.

    The lock is on the home itself, so no file is left; it ends with us, however we end. Where a
    directory cannot be locked, and after PATIENCE, the daemon's own lock decides who is second.
    """
    _log(home)  # makes the home, too
    number = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        pauses, end = _pauses(), time.monotonic() + PATIENCE
        is_up = False
        while not (_locked(number) or is_up) and time.monotonic() < end:
            time.sleep(next(pauses))
            is_up = _is_up(home)
        yield is_up or _is_up(home)
    finally:
        os.close(number)


def _locked(number: int) -> bool:
    """Whether it is ours now, or never will be anybody's; False = another has it."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_up(home: str) -> bool:
    try:
        return link.is_up(home)
    except P42Error:
        return False  # a socket that does not take connections yet


def _pauses() -> Iterator[float]:
    """Seconds between two looks: soon at first; of fifty who wait, each seldom later on."""
    pause = POLL
    while True:
        yield pause
        pause = min(pause * 1.5, SELDOM)


def _silence(home: str) -> str:
    full = os.statvfs(home).f_bavail == 0  # then there was no room for last words
    return "  (nothing: the disk is full; free some space)" if full else "  (nothing)"


def _answers(home: str, pid: int) -> bool:
    """Whether a daemon comes to answer: ours, or one that was started at the same moment."""
    end = time.monotonic() + PATIENCE
    alone_since: float | None = None
    while time.monotonic() < end:
        if _is_up(home):
            return True
        if not processes.has_ended(pid, within=POLL) or _holder(home):
            alone_since = None
        else:
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
