"""Standing: what a local process is to p42: a person's program, one that p42 runs, a companion."""

from __future__ import annotations

from typing import Literal

from p42.keeper.lineage import lineage
from p42.runtimes.keeperlink import KeeperLink
from p42.runtimes.keeperprocesses import KeeperProcesses

Word = Literal["person", "program", "companion"]


class Standing:
    """Told by descent: whoever the keeper is above was started by p42, whatever it says."""

    def __init__(self, link: KeeperLink, processes: KeeperProcesses) -> None:
        self._link, self._processes = link, processes

    def of(self, pid: int) -> Word:
        """What `pid` is. One that cannot be told (no /proc) is a person's: its uid is checked."""
        above = set(lineage(pid))
        if not self._link.pid or self._link.pid not in above:
            return "person"
        return "program" if above & self._processes.pids else "companion"
