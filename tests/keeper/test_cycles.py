"""Created and deleted again and again, in small; `make bench-cycles` does it 10,000 times."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.keeper.cycles import Cycles

SPARE = 2  # descriptors and threads: pools that are made when first needed


@pytest.mark.timeout(180)
def test_projects_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    cycles = Cycles(tmp_path)
    try:
        _, first, *_, last = cycles.run(4, 30)
    finally:
        cycles.close()
    assert last.processes == first.processes == 2  # the keeper and its zygote
    assert last.daemon_fds <= first.daemon_fds + SPARE
    assert last.keeper_fds <= first.keeper_fds + SPARE
    assert last.threads <= first.threads + SPARE
    assert last.files <= first.files + SPARE
