"""One daemon a home, however many are started; and a stop leaves nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from tests.e2e.robust.box import P42, PATIENCE, Box
from tests.e2e.robust.texts import command, save

STARTS = 50
CLEAN = 10.0  # s
STAYS = {"commands", "logs", "manifests", "state.db", "state.sources", "state.marks", "agent",
         "memory", "spool", "sessions.db", "models", "history"}  # fmt: skip


def daemon_pid(box: Box) -> int:
    return int((box.home / "run" / "p42.pid").read_text())


def left_behind(box: Box) -> set[str]:
    """What a stopped home holds beyond what it keeps: sockets, temporary files, locks."""
    files = [p for p in box.home.rglob("*") if not p.is_dir()]
    strange = {p for p in files if p.relative_to(box.home).parts[0] not in STAYS}
    half = {p for p in files if p.name.endswith((".part", ".tmp", "-wal", "-shm"))}
    half |= {p for p in box.manifests.rglob(".p42/*") if p.name.startswith(("new-", "swap-"))}
    found = {str(p.relative_to(box.root)) for p in strange | half}
    return {path for path in found if not path.endswith((".lock", ".log"))}


def test_of_fifty_starts_at_once_all_succeed_and_one_daemon_runs(box: Box) -> None:
    starts = [
        subprocess.Popen([*P42, "start"], env=box.env, cwd=box.root, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
        for _ in range(STARTS)
    ]  # fmt: skip
    said = [each.communicate(timeout=110) for each in starts]
    codes = [each.returncode for each in starts]
    assert codes == [0] * STARTS, [words for words, code in zip(said, codes, strict=True) if code]
    pid = daemon_pid(box)
    assert all(str(pid) in out for out, _ in said), said
    serving = [p for p in box.processes() if "serve" in p.cmdline()]
    assert [p.pid for p in serving] == [pid]
    log = (box.home / "logs" / "daemon.log").read_text()
    assert "already runs" not in log, "a daemon was started beside the one that was starting"
    assert box("stop").code == 0
    box.ends()


def test_a_second_daemon_says_who_was_first_and_harms_nobody(box: Box) -> None:
    save(box.manifests / "one.yaml", command("one"))
    box.apply()
    second = box("serve")
    assert second.code == 1
    assert f"process {daemon_pid(box)}" in second.err
    assert box.runs("one") == "one\n"
    save(box.manifests / "two.yaml", command("two"))
    box.settled("one", "two")


def test_a_stop_is_clean_in_the_middle_of_work(box: Box) -> None:
    for number in range(40):
        save(box.manifests / f"c{number}.yaml", command(f"c{number}"))
    slow = "  tests:\n  - {args: [], expect: {exitCode: 0}}\n"
    save(box.manifests / "slow.yaml", command("slow", "sleep 300", more=slow))
    box.serve()
    applying = subprocess.Popen([*P42, "apply", "-f", str(box.manifests)], env=box.env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    box.until(lambda: [p for p in box.processes() if p.name() == "sleep"], "the test runs")
    assert box.stop() < CLEAN
    applying.communicate(timeout=PATIENCE)
    assert applying.returncode != 0
    box.ends()
    assert left_behind(box) == set()
    assert not list((box.home / "run").glob("*.sock")) or not (box.home / "run").exists()


def test_a_stop_before_it_is_up_is_clean_too(box: Box) -> None:
    box.spawn()
    box.until((box.home / "run").exists, "it has begun")
    box.send(signal.SIGTERM)
    assert box.process is not None
    assert box.process.wait(CLEAN) in (0, -signal.SIGTERM)
    box.ends()
    assert box.serve().stop() < CLEAN
    assert left_behind(box) == set()


def test_a_killed_daemon_leaves_nothing_that_stops_the_next(box: Box, tmp_path: Path) -> None:
    save(box.manifests / "one.yaml", command("one"))
    box.apply().kill()
    assert box("get", "status").code == 5
    assert box("start").code == 0
    box.until(lambda: box.item("one").get("ready") == "True", "as before")
    os.kill(daemon_pid(box), signal.SIGKILL)
    assert box("apply", "-f", str(box.manifests)).code == 0
    assert box("stop").code == 0
    box.ends()
    assert left_behind(box) == set()
