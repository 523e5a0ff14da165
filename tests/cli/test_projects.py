"""What the command line says about projects, and the units of the service."""

from __future__ import annotations

import json
from typing import Any

import pytest

from p42.cli import units
from p42.cli.main import run
from tests.cli.scripted import Scripted


def row(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "kind": "ProjectCI", "name": name, "port": 42100, "state": "awake", "pid": 7, "starts": 1,
        "crashes": 0, "uptime": 65.0, "memory": 2 << 20, "cpu": 0.5, **changed,
    }  # fmt: skip


def test_top_prints_once_into_a_pipe(daemon: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    asleep = row("b", state="asleep", pid=None, memory=0)
    daemon.answers["top"] = {"items": [row("a"), asleep]}
    assert run(["top"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 sockets, 1 awake, 2.0 MiB of their own\n")
    assert run(["top", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["name"] == "a"


def test_a_restart_of_the_service_leaves_children_alone() -> None:
    """The keeper is another unit, and the daemon is told to leave by the signal that keeps them."""
    daemon = units.systemd("/home/me/.port42")
    assert "Wants=p42-keeper.service\nAfter=p42-keeper.service" in daemon
    assert "KillSignal=SIGUSR1\nKillMode=process" in daemon


def test_the_keepers_unit_runs_it_in_front_for_the_home() -> None:
    keeper = units.systemd_keeper("/home/me/.port42")
    line = next(line for line in keeper.splitlines() if line.startswith("ExecStart="))
    assert '"/home/me/.port42/run"' in line
    assert line.endswith('"front"')
    assert "[Install]" not in keeper  # p42.service wants it
