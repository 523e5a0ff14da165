"""apply, diff, delete: what is asked of the daemon, what is told meanwhile, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.scripted import Parts, Refusal, Scripted, item, result

P42 = Callable[..., Any]


def _answer(*results: Any, code: int = 0, held: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"results": list(results), "broken": [], "held": list(held), "code": code}


def test_apply_sends_absolute_paths_and_its_flags(
    daemon: Scripted, p42: P42, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    daemon.answers["apply"] = _answer()
    assert p42("apply", "-f", "m", "--timeout", "2m", "--prune", "--no-wait").code == 0
    assert daemon.payload("apply") == {
        "paths": [str(tmp_path / "m")], "prune": True, "wait": False, "timeout": 120.0,
    }  # fmt: skip


def test_progress_is_on_stderr_and_the_sum_on_stdout(
    daemon: Scripted, p42: P42, tmp_path: Path
) -> None:
    wait = ("blocked-one", "Blocked", "node is not installed")
    daemon.answers["apply"] = Parts([
        item("hello", "InProgress"), item("hello"), item("hello"),
        item("blocked-one", "Blocked", message=wait[2]),
        _answer(result("hello"), result(wait[0], "configured", wait[1], wait[2]), code=2),
    ])  # fmt: skip
    said = p42("apply", "-f", str(tmp_path))
    assert said.code == 2
    assert said.out == "1 created, 1 configured; 1 of 2 ready\n"
    assert said.err.splitlines() == [
        "command/hello ready", "command/blocked-one Blocked: node is not installed",
    ]  # fmt: skip


def test_what_was_never_told_is_told_at_the_end(daemon: Scripted, p42: P42, tmp_path: Path) -> None:
    daemon.answers["apply"] = _answer(
        result("stuck", "unchanged", "KeyMissing", "env:KEY is not set"), code=2,
        held=("Command/old",),
    )  # fmt: skip
    said = p42("apply", "-f", str(tmp_path))
    assert "command/stuck KeyMissing: env:KEY is not set" in said.err
    assert "command/old" in said.err
    assert "p42 apply --prune" in said.err


def test_prune_alone_is_about_everything_followed(daemon: Scripted, p42: P42) -> None:
    daemon.answers["apply"] = _answer(result("old", "pruned"))
    assert p42("apply", "--prune").code == 0
    assert daemon.payload("apply")["paths"] == []


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4])
def test_the_daemons_code_is_the_exit_code_and_not_in_the_json(
    code: int, daemon: Scripted, p42: P42, tmp_path: Path
) -> None:
    daemon.answers["apply"] = _answer(result("hello"), code=code)
    said = p42("apply", "-f", str(tmp_path), "-o", "json")
    assert said.code == code
    body = json.loads(said.out)
    assert "code" not in body
    assert list(body["results"][0]) == ["result", "kind", "name", "ready", "reason", "message"]


def test_standard_input_goes_as_text(daemon: Scripted, p42_process: P42) -> None:
    daemon.answers["apply"] = _answer(result("hello"))
    assert p42_process("apply", "-f", "-", stdin="kind: Command\n").code == 0
    assert daemon.payload("apply")["stdin"] == "kind: Command\n"
    assert daemon.payload("apply")["paths"] == []


def test_what_the_daemon_finds_wrong_is_printed_with_its_caret(
    daemon: Scripted, p42: P42, tmp_path: Path
) -> None:
    finding = {
        "file": "/m/a.yaml", "line": 2, "column": 3, "path": "spec", "severity": "error",
        "code": "type", "message": "must be a mapping", "suggestion": "", "excerpt": "  spec: 1",
        "width": 4,
    }  # fmt: skip

    def refuse(payload: dict[str, Any]) -> Any:
        raise Refusal("nothing was applied", code=3, diagnostics=[finding])

    daemon.answers["apply"] = refuse
    said = p42("apply", "-f", str(tmp_path))
    assert said.code == 3
    assert said.err.splitlines() == [
        "/m/a.yaml:2:3: error: spec: must be a mapping", "    2 |   spec: 1", "      |   ^~~~",
        "p42: nothing was applied",
    ]  # fmt: skip


STEPS = [
    {"kind": "Command", "name": "a", "step": "WriteFile", "detail": "write commands/a"},
    {"kind": "Command", "name": "a", "step": "Chmod", "detail": "make it executable"},
]


def test_diff_prints_steps_and_exits_2_or_0(daemon: Scripted, p42: P42, tmp_path: Path) -> None:
    daemon.answers["diff"] = {"steps": STEPS, "code": 2}
    said = p42("diff", "-f", str(tmp_path))
    assert said.code == 2
    assert said.out == ("command/a\n  WriteFile: write commands/a\n  Chmod: make it executable\n")
    assert json.loads(p42("diff", "-o", "json").out) == {"steps": STEPS}
    daemon.answers["diff"] = {"steps": [], "code": 0}
    said = p42("diff")
    assert (said.code, said.out, said.err) == (0, "", "no difference\n")


UNDONE = {
    "steps": [], "code": 2, "held": ["Command/b", "Command/c"],
    "notReady": [
        {"kind": "Command", "name": "a", "reason": "TestsFailed", "message": "1 of 1 failed"},
    ],
}  # fmt: skip


def test_diff_tells_what_no_step_makes_ready(daemon: Scripted, p42: P42) -> None:
    daemon.answers["diff"] = UNDONE
    said = p42("diff")
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines() == [
        "command/a is not ready: TestsFailed: 1 of 1 failed",
        "held deletions, done with --prune only: command/b, command/c",
    ]
    said = p42("diff", "-o", "json")
    assert json.loads(said.out) == {key: UNDONE[key] for key in ("steps", "held", "notReady")}


def test_diff_and_a_dry_run_send_standard_input(daemon: Scripted, home: Path) -> None:
    daemon.answers["diff"] = {"steps": STEPS, "code": 2}
    for argv, code in ((["diff"], 2), (["apply", "--dry-run"], 0)):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "p42", *argv, "-f", "-"], input=b"a: b\n",
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == code
        assert daemon.payload("diff") == {"paths": [], "prune": False, "stdin": "a: b\n"}


def test_delete_takes_no_standard_input(daemon: Scripted, p42: P42) -> None:
    said = p42("delete", "-f", "-")
    assert said.code == 64
    assert "name KIND/NAME" in said.err
    assert daemon.asked == []


def test_a_dry_run_prints_the_same_steps_and_is_no_failure(
    daemon: Scripted, p42: P42, tmp_path: Path
) -> None:
    daemon.answers["diff"] = {"steps": STEPS, "code": 2}
    said = p42("apply", "-f", str(tmp_path), "--dry-run")
    assert said.code == 0
    assert "WriteFile" in said.out
    assert not any(verb == "apply" for verb, _ in daemon.asked)


def test_delete_takes_a_path_that_is_gone_or_names(
    daemon: Scripted, p42: P42, tmp_path: Path
) -> None:
    daemon.answers["delete"] = Parts([
        item("a", "Deleting"), {"kind": "Command", "name": "a", "gone": True},
        _answer({**result("a", "deleted"), "ready": "False", "reason": ""}),
    ])  # fmt: skip
    said = p42("delete", "-f", str(tmp_path / "gone"))
    assert (said.code, said.out, said.err) == (0, "1 deleted\n", "command/a gone\n")
    assert p42("delete", "cmd/a").code == 0
    assert daemon.payload("delete")["refs"] == ["cmd/a"]


def test_wait_says_what_is_missing(daemon: Scripted, p42: P42) -> None:
    met = {**item("a"), "declared": True, "met": True}
    stuck = {**item("b", "Blocked", message="no node"), "declared": True, "met": False}
    absent = {"kind": "Command", "name": "c", "declared": False, "met": False}
    daemon.answers["wait"] = Parts([item("a"), {"items": [met, stuck, absent], "code": 2}])
    said = p42("wait", "cmd/a", "cmd/b", "cmd/c", "--timeout", "1s")
    assert said.code == 2
    assert said.out == "command/a ready\n"
    assert said.err == "command/b Blocked: no node\ncommand/c is not declared\n"
    assert daemon.payload("wait") == {
        "refs": ["cmd/a", "cmd/b", "cmd/c"], "for": "Ready", "timeout": 1.0,
    }  # fmt: skip


def test_pause_and_resume_are_one_verb(daemon: Scripted, p42: P42) -> None:
    daemon.answers["pause"] = {"refs": ["Command/a"]}
    assert p42("pause", "cmd/a").out == "command/a paused\n"
    assert daemon.payload("pause") == {"refs": ["cmd/a"], "on": True}
    assert p42("resume", "cmd/a").out == "command/a resumed\n"
    assert daemon.payload("pause")["on"] is False


@pytest.mark.parametrize("verb", ["apply", "delete", "diff", "validate", "serve"])
def test_an_empty_path_is_never_the_directory_it_is_said_in(
    daemon: Scripted, p42: P42, verb: str
) -> None:
    """`p42 apply -f "$UNSET"` followed whatever a script happened to stand in."""
    said = p42(verb, "-f", "")
    assert (said.code, said.out) == (3, "")
    assert "an empty PATH names nothing" in said.err
    assert daemon.asked == []


def test_a_path_that_is_not_utf8_is_named_before_anything_is_asked(
    daemon: Scripted, p42: P42, tmp_path: Path
) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/m\xff")
    Path(path).mkdir()
    said = p42("apply", "-f", path)
    assert said.code == 3
    assert "its name is not UTF-8; rename it" in said.err
    assert daemon.asked == []


UNSENDABLE = {
    "latin": (b"kind: Command\nx: \xff\n", "<stdin>:2:4: error: byte 0xff is not UTF-8"),
    "large": (b"#" * (1 << 20) + b"\n", "at most 1,048,576 are read"),
    "large as JSON": (b'"' * ((1 << 20) - 9), "more than 1 MiB"),  # two bytes each in a request
}


@pytest.mark.parametrize(("verb", "case"), [
    ("apply", "latin"), ("apply", "large"), ("apply", "large as JSON"), ("diff", "latin"),
])  # fmt: skip
def test_input_that_cannot_be_sent_is_told_with_its_place(
    daemon: Scripted, verb: str, case: str
) -> None:
    """It ended as `Invalid JSON request`, as a bug, or with the connection cut."""
    piped, words = UNSENDABLE[case]
    said = subprocess.run(
        [sys.executable, "-P", "-m", "p42", verb, "-f", "-"], input=piped, capture_output=True
    )
    assert said.returncode == 3
    assert words in said.stderr.decode()
    assert daemon.asked == []
