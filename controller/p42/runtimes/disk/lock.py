"""HomeLock: one daemon for each home. The lock is the kernel's, so a crash leaves none behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from pathlib import Path
from types import TracebackType

from p42.model.errors import P42Error
from p42.model.faults import fault

LOCK = "run/p42.lock"
PID = "run/p42.pid"


class AlreadyRuns(P42Error):
    """Another daemon holds the home. `pid` is None while it has not told yet."""

    def __init__(self, home: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "a process that is just starting"
        super().__init__(f"p42 already runs for {home} ({who}); `p42 stop` ends it")
        self.pid = pid


class HomeLock:
    """`with HomeLock(home):` raises AlreadyRuns, or holds the home; `run/p42.pid` tells who."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = home / LOCK
        self._pid = home / PID
        self._number: int | None = None

    def __enter__(self) -> HomeLock:
        """Take the home; waits for no daemon. Raises Retry or Blocked for what the disk refuses."""
        try:
            self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            while self._number is None:
                self._number = self._take()
            text = f"{os.getpid()}\n".encode()
            os.truncate(self._number, 0)
            os.pwrite(self._number, text, 0)
            _write_private(self._pid, text)
        except OSError as error:
            self._leave()
            raise fault(error, str(self._lock)) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def _take(self) -> int | None:
        """A locked descriptor of the file that is at the path now; None = try again."""
        number = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if not _locked(number, fcntl.LOCK_EX):
                self._refuse_second(number)
            elif _is_at(self._lock, number):
                kept, number = number, -1
                return kept
        except FileNotFoundError:
            pass  # its last holder has just removed it
        finally:
            if number >= 0:
                os.close(number)
        time.sleep(random.uniform(0.001, 0.01))  # noqa: S311 - so that two askers do not stay in step
        return None

    def _refuse_second(self, number: int) -> None:
        """AlreadyRuns, unless those who hold it only ask: `holder` does, for a moment."""
        if _locked(number, fcntl.LOCK_SH):
            return
        raise AlreadyRuns(self._home, _pid(os.pread(number, 32, 0)))

    def _leave(self) -> None:
        """Remove both files while still holding: nobody can lock a file we are about to remove."""
        if self._number is None:
            return
        with contextlib.suppress(OSError):
            if _is_at(self._lock, self._number):  # else the home was replaced under us: not ours
                self._pid.unlink(missing_ok=True)
                self._lock.unlink(missing_ok=True)
        os.close(self._number)
        self._number = None


def holder(home: Path) -> int | None:
    """The pid of the daemon that holds `home`; None = nobody. Changes nothing."""
    try:
        number = os.open(home / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return None if _locked(number, fcntl.LOCK_SH) else _pid(os.pread(number, 32, 0))
    finally:
        os.close(number)


def _locked(number: int, how: int) -> bool:
    """Whether the lock could be had; never waits."""
    try:
        fcntl.flock(number, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_private(path: Path, data: bytes) -> None:
    """For this user only, whatever the umask; also if a file of an older p42 is there."""
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)


def _is_at(path: Path, number: int) -> bool:
    return os.path.samestat(path.stat(), os.fstat(number))


def _pid(text: bytes) -> int | None:
    digits = text.strip()
    return int(digits) if digits.isdigit() else None
