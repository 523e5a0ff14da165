"""Standing: what a local process is to p42: a person's program, one that p42 runs, a companion."""

from __future__ import annotations

import os
from typing import Literal

from p42.keeper.lineage import lineage
from p42.runtimes.agentprocess import AgentProcesses
from p42.runtimes.keeperlink import KeeperLink
from p42.runtimes.keeperprocesses import KeeperProcesses

Word = Literal["person", "program", "companion"]


class Standing:
    """Told by descent: whoever the keeper is above was started by p42, whatever it says."""

    def __init__(self, link: KeeperLink, *runners: KeeperProcesses | AgentProcesses) -> None:
        """`runners` run programs; what else descends from the keeper is a companion."""
        self._link, self._runners = link, runners

    def of(self, pid: int) -> Word:
        """What `pid` is. One that cannot be told (no /proc) is a person's: its uid is checked."""
        above = set(lineage(pid))
        if os.getpid() in above - {pid}:
            return "program"  # a child of the daemon itself, which has none but git's
        if not self._link.pid or self._link.pid not in above:
            return "person"
        runs = any(above & runner.pids for runner in self._runners)
        return "program" if runs else "companion"
