"""Home lock: one home writes inline into a directory; a second keeps sidecars of its own.

`DIR/.p42/lock` names the home. A home counts as long as its daemon runs: it holds a lock on
`HOME/run/writer.lock`, which the system takes from it however it ends. So a lock that was left
behind, or copied along with its directory, binds nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os

from p42.manifest.write.dotdir import DotDir

_LIMIT = 4096  # bytes; a path is no longer


class HomeLock:
    """The claims of one home. Methods block; OSError where the system refuses."""

    def __init__(self, home: str) -> None:
        self._home = os.path.realpath(home)
        self._descriptor = -1

    def hold(self) -> None:
        """Show that this home's writer runs. May be called again; a second writer of it shares."""
        if self._descriptor >= 0:
            return
        os.makedirs(f"{self._home}/run", 0o700, exist_ok=True)
        descriptor = os.open(_writer_lock(self._home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Waits for microseconds at most: another home has it only while it asks whether we live.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        self._descriptor = descriptor

    def let_go(self) -> None:
        """The writer ends. Nothing held: no effect."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def claim(self, dot: DotDir) -> str:
        """Claim the directory of `dot` for this home. Returns the other home that has it, or ""."""
        path = f"{dot.path}/lock"
        holder = _read(path)
        if holder == self._home:
            return ""
        if holder and _runs(holder):
            return holder
        dot.make()
        dot.place(path, self._home.encode() + b"\n")
        holder = _read(path)  # of two that claim at once the last one has it
        return "" if holder == self._home else holder

    def has(self, dot: DotDir) -> bool:
        """Whether this home has claimed the directory."""
        return _read(f"{dot.path}/lock") == self._home


def _writer_lock(home: str) -> str:
    return f"{home}/run/writer.lock"


def _read(path: str) -> str:
    try:
        with open(path, "rb") as found:
            return os.fsdecode(found.read(_LIMIT)).strip()
    except OSError:
        return ""


def _runs(home: str) -> bool:
    """Whether the writer of that home is alive."""
    try:
        descriptor = os.open(_writer_lock(home), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # somebody else's home: believed
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return False
