"""The kill loop, in small; `make bench-kill` runs a thousand rounds."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.keeper.chaos import Chaos


@pytest.mark.timeout(180)
def test_random_kills_leave_exactly_what_is_declared(tmp_path: Path) -> None:
    chaos = Chaos(tmp_path / "home", on_demand=6, always=2, seed=os.getpid())
    try:
        for _ in range(12):
            chaos.round()
    finally:
        chaos.daemon.send_signal(signal.SIGTERM)
        chaos.daemon.wait(20)
    # How long calm took is the bench's to judge: it is the start of a daemon, 0.35 s of processor,
    # and here several workers share two cores. A round that never gets calm has raised.


def test_a_clean_stop_leaves_no_process(tmp_path: Path) -> None:
    Chaos(tmp_path / "home", on_demand=2, always=1, seed=1).close()
