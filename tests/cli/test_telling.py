"""Events and logs, as they come; the daemon's own log is there when the daemon is not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.scripted import Parts, Scripted

P42 = Callable[..., Any]
EVENT = {
    "at": "2026-11-21T12:33:32Z", "kind": "Command", "name": "a", "reason": "WriteFile",
    "message": "new, 170 bytes", "warning": False, "count": 2, "since": "2026-11-21T12:33:30Z",
}  # fmt: skip


@pytest.fixture
def log(home: Path) -> Path:
    path = home / "logs" / "daemon.log"
    path.parent.mkdir()
    path.write_text("one\ntwo\nthree\nhalf a li")
    return path


def test_the_daemons_last_lines_need_no_daemon(log: Path, p42: P42) -> None:
    assert p42("logs", "daemon", "-n", "2").out == "two\nthree\n"
    lines = p42("logs", "-n", "1", "-o", "json").out.splitlines()
    assert [json.loads(line) for line in lines] == [{"line": "three"}]


def test_a_followed_log_gives_whole_lines_and_survives_a_rotation(log: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "p42", "logs", "-f", "-n", "1"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "three\n"
        with log.open("a") as more:
            more.write("ne\n")
        assert child.stdout.readline() == "half a line\n"
        log.rename(log.with_name("daemon.log.1"))
        log.write_text("afresh\n")
        assert child.stdout.readline() == "afresh\n"
    finally:
        child.terminate()
        child.wait(10)
        child.stdout.close()


def test_events_are_lines_for_people_and_objects_for_programs(daemon: Scripted, p42: P42) -> None:
    warning = {**EVENT, "warning": True, "count": 1, "message": ""}
    daemon.answers["events"] = Parts([EVENT, warning, {"items": []}])
    said = p42("events", "cmd/a", "-f", "-n", "5")
    assert daemon.payload("events") == {"limit": 5, "follow": True, "ref": "cmd/a"}
    assert said.out.splitlines() == [
        "2026-11-21T12:33:32Z   command/a WriteFile (x2): new, 170 bytes",
        "2026-11-21T12:33:32Z ! command/a WriteFile",
    ]
    daemon.answers["events"] = {"items": [EVENT]}
    assert json.loads(p42("events", "-o", "json").out) == EVENT


def test_a_tree_shows_the_root_cause_below(daemon: Scripted, p42: P42) -> None:
    def node(name: str, reason: str, *needs: Any, message: str = "") -> dict[str, Any]:
        ready = "True" if reason == "Reconciled" else "False"
        return {"kind": "Agent", "name": name, "ready": ready, "reason": reason,
                "message": message, "needs": list(needs)}  # fmt: skip

    root = node("c", "KeyMissing", message="env:K is not set")
    top = node("a", "Waiting", node("b", "Reconciled", root), root, message="Agent/c: KeyMissing")
    daemon.answers["tree"] = {"items": [top]}
    assert p42("tree").out.splitlines() == [
        "agent/a Waiting: Agent/c: KeyMissing",
        "├─ agent/b ready",
        "│  └─ agent/c KeyMissing: env:K is not set",
        "└─ agent/c KeyMissing: env:K is not set",
    ]
