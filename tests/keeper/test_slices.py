"""Who does little for each of many is not kept waiting by who computes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from p42.keeper.slices import SHORTEST

ASKS = """
import os
from pathlib import Path
from p42.keeper.slices import ask_short_slices

def slice_of():
    rows = Path("/proc/self/sched").read_text().splitlines()
    return [int(row.split()[-1]) for row in rows if row.startswith("se.slice")]

os.nice(3)
nice = os.getpriority(os.PRIO_PROCESS, 0)
print(ask_short_slices(), ask_short_slices(), nice, *slice_of(), flush=True)
if not os.fork():
    print(*slice_of(), flush=True)
    os._exit(0)
os.wait()
"""
SCHED = Path("/proc/self/sched")


def asked() -> list[list[str]]:
    """What a process says that asks for them, and its child."""
    run = [sys.executable, "-c", ASKS]
    told = subprocess.run(run, check=True, capture_output=True, text=True, timeout=30).stdout
    return sorted((line.split() for line in told.splitlines()), key=len, reverse=True)


@pytest.mark.skipif(
    not SCHED.exists() or "se.slice" not in SCHED.read_text(),
    reason="this kernel does not tell how long its slices are",
)
def test_short_slices_are_ours_alone_and_our_rank_stays() -> None:
    (first, second, nice, ours), (childs,) = asked()
    assert (first, second, int(nice)) == ("True", "True", os.getpriority(os.PRIO_PROCESS, 0) + 3)
    assert int(ours) == SHORTEST
    assert int(childs) > SHORTEST


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="no ranks to be had here")
def test_who_was_given_a_rank_keeps_it() -> None:
    set_rank = "import os; os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))\n"
    run = [sys.executable, "-c", set_rank + ASKS]
    told = subprocess.run(run, check=True, capture_output=True, text=True, timeout=30).stdout
    assert "False False" in told
