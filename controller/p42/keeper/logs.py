"""Logs: what a child says goes through a pipe into a file that is rotated and never floods.

A child is never blocked by its own chatter: the pipe is always drained. What comes faster than
RATE is counted and dropped, and the file says how much.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from p42.keeper.reactor import Reactor

CHUNK = 64 * 1024  # bytes a read: a whole pipe
SIZE = 1024 * 1024  # bytes a file before it is rotated
KEPT = 2  # older files beside the newest: NAME.log.1, NAME.log.2
RATE = 4 * 1024 * 1024  # bytes a second written at most; journald's order of magnitude


class Log:
    """Pumps one pipe into one file until the last writer is gone."""

    def __init__(self, reactor: Reactor, pipe: int, path: Path) -> None:
        os.set_blocking(pipe, False)
        self._reactor, self._pipe, self._path = reactor, pipe, path
        self._file = -1
        self._size = 0
        self._second, self._written, self._dropped = 0, 0, 0
        self.open = True
        reactor.readable(pipe, self._drain)

    def close(self) -> None:
        """Stop pumping; what is in the pipe now is still read. Twice: no effect."""
        while self.open and self._pump():
            pass
        self._end()

    def _drain(self) -> None:
        self._pump()

    def _pump(self) -> bool:
        """Read once; whether there may be more at once."""
        if not self.open:
            return False
        try:
            data = os.read(self._pipe, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._end()
            return False
        self._keep(data)
        return True

    def _keep(self, data: bytes) -> None:
        second = int(time.monotonic())
        if second != self._second:
            data = self._count() + data
            self._second, self._written, self._dropped = second, 0, 0
        if self._written + len(data) > RATE:
            if not self._dropped:
                # At once: what comes next may fill, and so rotate away, every file there is.
                self._append(
                    f"\np42: over {RATE} bytes in a second; the rest is dropped\n".encode()
                )
            self._dropped += len(data)
            return
        self._written += len(data)
        self._append(data)

    def _count(self) -> bytes:
        """What is to be said of the last second."""
        if not self._dropped:
            return b""
        return f"p42: {self._dropped} bytes dropped, more than {RATE} in a second\n".encode()

    def _append(self, data: bytes) -> None:
        try:
            if self._file < 0:
                self._file = _opened(self._path)
                self._size = os.fstat(self._file).st_size
            os.write(self._file, data)
        except OSError:
            return  # a full disk must not stop the child; the pipe is still drained
        self._size += len(data)
        if self._size >= SIZE:
            os.close(self._file)
            self._file = -1
            _rotate(self._path)

    def _end(self) -> None:
        if not self.open:
            return
        self.open = False
        if self._dropped:
            self._append(self._count())
        self._reactor.forget(self._pipe)
        os.close(self._pipe)
        if self._file >= 0:
            os.close(self._file)


def _opened(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _rotate(path: Path) -> None:
    try:
        for number in range(KEPT, 0, -1):
            older = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number}"))
    except OSError:
        return  # a directory that is gone: the next append makes it again
