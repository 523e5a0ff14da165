"""Sweep: end what runs of a daemon that was killed left behind, found by the mark they carry."""

from __future__ import annotations

import os
from pathlib import Path

from p42.keeper.lineage import lineage
from p42.keeper.orphans import end_marked
from p42.runtimes.processes import MARK


def sweep(home: Path) -> tuple[int, ...]:
    """SIGKILL to every process that was run for `home`; their pids. Holding the home's lock only.

    Never to ourselves or those above us: a daemon may be started from within a run.
    """
    return end_marked(f"{MARK}={home}", spared=set(lineage(os.getpid())))
