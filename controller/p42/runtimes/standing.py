"""Standing: what a local process is to p42: a person's program, one that p42 runs, a companion."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from p42.keeper import brand
from p42.keeper.lineage import lineage
from p42.runtimes.agents.process import AgentProcesses
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.keeping.processes import KeeperProcesses

Word = Literal["person", "program", "companion", "unknown"]
PATIENCE = 5.0  # s until the keeper is known to whom nothing may be refused before; it takes 0.1


class Standing:
    """Told by descent: whoever the keeper is above was started by p42, whatever it says. And by the
    brand, which stays when descent is lost: to two forks of a child of ours, or to a kill of the
    keeper.

    Children outlive a daemon: until the next one knows the keeper, it cannot tell them from a
    person, and says so.
    """

    def __init__(self, link: KeeperLink, *runners: KeeperProcesses | AgentProcesses) -> None:
        """`runners` run programs; what else descends from the keeper is a companion."""
        self._link, self._runners = link, runners

    def look(self, pid: int) -> Callable[[], Word]:
        """Who `pid` is: its descent as it is now, its word as it can be told when asked.

        By then it may have ended, and its descent with it; the connection it opened may live on in
        others. One that has ended already is no person, nobody can say any more what it was. Where
        there is no /proc, or another machine's processes come in, all are: their uid is checked.
        """
        above = frozenset(lineage(pid))
        branded = pid != os.getpid() and brand.is_on(pid)  # asked first: what has ended bears none
        gone = pid > 0 and Path("/proc/self").exists() and not Path(f"/proc/{pid}").exists()
        return lambda: "companion" if gone else self._word(pid, above, branded=branded)

    def of(self, pid: int) -> Word:
        """What `pid` is, now."""
        return self.look(pid)()

    async def known(self) -> None:
        """Until nobody is unknown, at most PATIENCE."""
        await self._link.ready(PATIENCE)

    def _word(self, pid: int, above: frozenset[int], *, branded: bool) -> Word:
        if os.getpid() in above - {pid}:
            return "program"  # a child of the daemon itself, which has none but git's
        if not self._link.pid:  # we have just begun; programs ended with the daemon before us
            return "companion" if branded else "unknown"
        if self._link.pid not in above:
            return "companion" if branded else "person"  # a stray: nobody answers for it
        runs = any(above & runner.pids for runner in self._runners)
        return "program" if runs else "companion"
