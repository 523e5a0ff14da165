"""`p42 approve`: the difference first, then the question."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.cli import terminal
from p42.cli.main import run
from tests.cli.scripted import Parts, Refusal, Scripted, item

ITEM: dict[str, Any] = {
    "kind": "Command", "name": "a", "why": "machine", "message": "a model wrote it",
    "file": "/m/a.yaml", "line": 3, "digest": "1" * 64,
    "diff": "--- /dev/null\n+++ command/a as it would run\n@@ -0,0 +1 @@\n+echo hi",
}  # fmt: skip


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("P42_HOME", str(tmp_path))
    scripted = Scripted(tmp_path)
    scripted.answers["approvals"] = {"items": [ITEM]}
    scripted.answers["approve"] = {"refs": ["Command/a"]}
    scripted.answers["wait"] = Parts([{"items": [{**item("a"), "declared": True, "met": True}]}])
    yield scripted
    scripted.close()


def said(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(terminal, "can_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(line))


def asked(daemon: Scripted) -> list[str]:
    return [verb for verb, _ in daemon.asked]


def test_yes_agrees_to_exactly_what_was_shown(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["approve", "command/a", "--yes"]) == 0
    out, err = capsys.readouterr()
    assert out == ITEM["diff"] + "\ncommand/a approved\n"
    assert "/m/a.yaml:3: command/a: a model wrote it" in err
    assert daemon.payload("approvals") == {"refs": ["command/a"]}
    assert daemon.payload("approve") == {"refs": ["command/a"], "digests": ["1" * 64]}


@pytest.mark.parametrize(("line", "code"), [("y\n", 0), ("yes\n", 0), ("\n", 2), ("n\n", 2),
                                            ("", 2)])  # fmt: skip
def test_a_person_is_asked_and_silence_is_no(
    daemon: Scripted, monkeypatch: pytest.MonkeyPatch, line: str, code: int
) -> None:
    said(monkeypatch, line)
    assert run(["approve", "--all"]) == code
    assert ("approve" in asked(daemon)) == (code == 0)
    assert daemon.payload("approvals") == {"refs": []}


def test_without_a_terminal_it_needs_yes_and_still_shows(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["approve", "command/a"]) == 3
    out, err = capsys.readouterr()
    assert "+echo hi" in out
    assert "--yes" in err
    assert asked(daemon) == ["approvals"]


@pytest.mark.parametrize("words", [[], ["command/a", "--all"], ["a", "--yes"]])
def test_it_takes_names_or_all(daemon: Scripted, words: list[str]) -> None:
    assert run(["approve", *words]) == (3 if "a" in words else 64)
    assert daemon.asked == []


def test_where_nothing_waits_nothing_is_asked(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["approvals"] = {"items": []}
    assert run(["approve", "--all"]) == 0
    assert "nothing waits" in capsys.readouterr().err
    assert asked(daemon) == ["approvals"]


def test_a_refusal_is_told_in_its_words(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(payload: dict[str, Any]) -> Any:
        raise Refusal("approve is for a person; this program was started by p42 itself", code=1)

    daemon.answers["approve"] = refuse
    assert run(["approve", "--all", "--yes"]) == 1
    assert "for a person" in capsys.readouterr().err


def outcome(reason: str, message: str = "", *, met: bool = False) -> Parts:
    told = {**item("a"), "reason": reason, "message": message, "ready": str(met), "declared": True}
    return Parts([{"items": [{**told, "met": met}]}])


@pytest.mark.parametrize(("reason", "code", "result", "told"), [
    ("Reconciled", 0, "approved", "command/a ready"),
    ("TestsFailed", 1, "failed", "command/a TestsFailed: why"),
    ("CrashLoopBackOff", 1, "failed", "command/a CrashLoopBackOff: why"),
    ("NeedsApproval", 1, "failed", "command/a NeedsApproval: why"),  # its tests failed: another
    ("InProgress", 0, "approved", "command/a InProgress: why; still under way: p42 wait command/a"),
    ("KeyMissing", 0, "approved", "command/a KeyMissing: why"),
])  # fmt: skip
def test_what_was_approved_and_did_not_come_about_is_exit_1(
    daemon: Scripted, capsys: pytest.CaptureFixture[str], reason: str, code: int, result: str,
    told: str,
) -> None:  # fmt: skip
    met = reason == "Reconciled"
    daemon.answers["wait"] = outcome(reason, "" if met else "why", met=met)
    assert run(["approve", "command/a", "--yes"]) == code
    assert told == capsys.readouterr().err.splitlines()[-1]
    assert run(["approve", "command/a", "--yes", "-o", "json"]) == code
    out, err = capsys.readouterr()
    (each,) = json.loads(out)["results"]
    assert (each["name"], each["result"], each["reason"]) == ("a", result, reason)
    assert "+echo hi" in err  # what was agreed to is shown all the same


def test_where_nothing_waits_json_says_so(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["approvals"] = {"items": []}
    assert run(["approve", "--all", "--yes", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"results": []}
