"""Children: every process the keeper started and has not yet reaped, by pid and by id."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from p42.keeper import linux
from p42.keeper.logs import Log
from p42.keeper.reactor import Reactor

GRACE = 5.0  # s from SIGTERM to SIGKILL; half of what `p42 stop` may take


@dataclass(slots=True)
class Child:
    """One process, leader of its own group. `token` tells it from an earlier one of the same id."""

    id: str
    pid: int
    token: str
    log: Log | None = None
    attached: bool = False  # ends with the daemon that asked for it: its output has no reader
    start: int = 0  # clock ticks since boot
    since: float = field(default_factory=time.time)
    stopping: bool = False

    def signal(self, number: int) -> None:
        """Signal the whole group. Gone already: no effect."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            # Not a group leader yet: between fork and setsid.
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


class Children:
    """The table. Its pids cannot be reused behind our back: only we reap them."""

    def __init__(self, reactor: Reactor, exited: Callable[[Child, int], None]) -> None:
        self._reactor = reactor
        self._exited = exited
        self._by_pid: dict[int, Child] = {}

    def add(self, child: Child) -> None:
        """Own a process that was just started."""
        child.start = linux.start_time(child.pid)
        self._by_pid[child.pid] = child

    def all(self) -> list[Child]:
        """Everyone, oldest first."""
        return list(self._by_pid.values())

    def find(self, identity: str) -> list[Child]:
        """Those of one id, oldest first; more than one while an old one drains."""
        return [child for child in self._by_pid.values() if child.id == identity]

    def stop(self, child: Child, grace: float = GRACE) -> None:
        """SIGTERM now, SIGKILL after `grace` seconds. Twice, or reaped already: no effect."""
        if child.stopping or self._by_pid.get(child.pid) is not child:
            return
        child.stopping = True
        child.signal(signal.SIGTERM)
        child.signal(signal.SIGCONT)  # a stopped process takes no SIGTERM
        self._reactor.after(grace, lambda: self._kill(child))

    def reap(self) -> None:
        """Collect whoever ended, orphans we adopted as subreaper among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._by_pid.pop(pid, None)
            if child is not None:
                child.signal(signal.SIGKILL)  # what is left of its group ends with it
                if child.log is not None:
                    child.log.close()
                self._exited(child, os.waitstatus_to_exitcode(status))

    def sweep(self) -> None:
        """Kill adopted orphans: descendants of a child that left its group and outlived it.

        Not while the zygote has an unannounced fork: that one is ours and not in the table yet.
        """
        for pid in linux.own_children():
            if pid not in self._by_pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def _kill(self, child: Child) -> None:
        if self._by_pid.get(child.pid) is child:
            child.signal(signal.SIGKILL)
