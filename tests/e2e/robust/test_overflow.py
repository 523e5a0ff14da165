"""Thousands of files created while the daemon is stopped dead: all seen within one rescan.

inotify's queue holds 16,384 events and loses the rest; watchfiles says nothing of it. `make test`
creates enough to need the burst path, `make bench-overflow` enough to overflow the kernel's queue.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time

import pytest

from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import agent, save

FILES = int(os.environ.get("P42_TEST_FILES", "2000"))
RESCAN = 60.0  # s; engine/triggers looks at everything every 30 to 60 s
WORK = FILES / 100  # s to check and register them on a busy machine


@pytest.mark.timeout(600)
def test_files_created_while_the_daemon_stood_still_are_all_seen_within_one_rescan(
    box: Box,
) -> None:
    save(box.manifests / "first.yaml", agent("first"))
    box.apply()
    box.send(signal.SIGSTOP)
    for number in range(FILES):
        name = f"a{number}"
        (box.manifests / f"{name}.yaml").write_text(agent(name))
    box.send(signal.SIGCONT)
    began = time.monotonic()

    def registered() -> int:
        """Counted in the database: asking the daemon for thousands of rows would hold it up."""
        time.sleep(0.1)
        with sqlite3.connect(f"file:{box.home / 'state.db'}?mode=ro", uri=True) as db:
            (count,) = db.execute("SELECT count(*) FROM registry").fetchone()
        db.close()
        return int(count)

    box.until(lambda: registered() == FILES + 1, "all are real", RESCAN + WORK)
    print(f"{FILES} files in {time.monotonic() - began:.1f} s")
    assert box.overview()["broken"] == []


def test_files_that_came_and_went_while_it_stood_still_are_as_they_are_now(box: Box) -> None:
    names = [f"a{number}" for number in range(60)]
    for name in names:
        save(box.manifests / f"{name}.yaml", agent(name))
    box.apply()
    box.send(signal.SIGSTOP)
    for name in names[:25]:
        (box.manifests / f"{name}.yaml").unlink()
    for name in names[10:20]:
        save(box.manifests / f"{name}.yaml", agent(name, temperature=1))
    for name in names[50:]:
        save(box.manifests / f"{name}.yaml", agent(name, forge=True))
    box.send(signal.SIGCONT)
    box.settled(*names[10:20], *names[25:])
    agents = box.ask("get", kind="agents")["items"]
    objects = {each["metadata"]["name"]: each["spec"] for each in agents}
    assert objects["a10"]["temperature"] == 1
    assert objects["a59"]["forge"] is True
