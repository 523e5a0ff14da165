"""The main job, end to end through the control socket: from a file to a command and back."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.daemon import offline_plan
from p42.model.errors import InvalidInput, P42Error
from tests.doors.daemons import Daemon, command, declare, running


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path / "home") as started:
        yield started


@pytest.fixture
def source(tmp_path: Path) -> Path:
    declare(tmp_path / "source", "hello", "echo hello from p42")
    return tmp_path / "source"


def last(parts: Iterator[dict[str, Any]]) -> dict[str, Any]:
    *_, final = parts
    data: dict[str, Any] = final["data"]
    return data


def test_a_manifest_becomes_a_command_that_runs(daemon: Daemon, source: Path) -> None:
    answer = daemon.ask("apply", paths=[str(source)])
    assert answer["code"] == 0, answer
    assert answer["results"] == [
        {"kind": "Command", "name": "hello", "result": "created", "ready": "True",
         "reason": "Reconciled", "message": ""},
    ]  # fmt: skip
    said = subprocess.run([daemon.home / "commands" / "hello"], capture_output=True, text=True)
    assert said.stdout == "hello from p42\n"
    overview = daemon.ask("overview")
    assert (overview["inSync"], overview["code"]) == (True, 0)
    assert overview["items"][0] == {
        "kind": "Command", "name": "hello", "ready": "True", "drift": False,
        "reason": "Reconciled", "message": "", "file": str(source / "hello.yaml"), "line": 1,
    }  # fmt: skip
    assert daemon.ask("diff")["steps"] == []


def test_progress_is_streamed_and_the_reply_comes_last(daemon: Daemon, source: Path) -> None:
    parts = list(daemon.stream("apply", paths=[str(source)]))
    assert [list(part) for part in parts[:-1]] == [["stream"]] * (len(parts) - 1)
    assert parts[-1]["data"]["results"][0]["result"] == "created"
    again = last(daemon.stream("apply", paths=[str(source)]))
    assert again["results"][0]["result"] == "unchanged"


def test_diff_prints_the_steps_that_apply_then_does(daemon: Daemon, source: Path) -> None:
    before = daemon.ask("diff", paths=[str(source)])
    assert before["code"] == 2
    assert before["steps"][0]["kind"] == "Command"
    assert offline_plan(daemon.home, [str(source)])["steps"] == before["steps"]
    assert not (daemon.home / "commands" / "hello").exists()
    daemon.ask("apply", paths=[str(source)])
    assert daemon.ask("diff", paths=[str(source)]) == {"steps": [], "code": 0}


def test_what_does_not_hold_is_refused_with_its_place(daemon: Daemon, source: Path) -> None:
    (source / "hello.yaml").write_text(command("hello").replace("source", "sourse"))
    with pytest.raises(InvalidInput, match="nothing was applied") as caught:
        daemon.ask("apply", paths=[str(source)])
    assert caught.value.diagnostics[0].file == str(source / "hello.yaml")
    assert daemon.ask("overview")["items"] == []


def test_standard_input_is_kept_as_one_file_per_document(daemon: Daemon) -> None:
    text = "# mine\n" + command("one") + "---\n" + command("two")
    answer = daemon.ask("apply", stdin=text)
    assert [(r["name"], r["result"]) for r in answer["results"]] == [
        ("one", "created"), ("two", "created"),
    ]  # fmt: skip
    kept = daemon.home / "manifests" / "applied"
    assert (kept / "command-one.yaml").read_text() == "# mine\n" + command("one")
    again = daemon.ask("apply", stdin=text)
    assert {r["result"] for r in again["results"]} == {"unchanged"}
    gone = daemon.ask("delete", refs=["cmd/one"])
    assert gone["results"][0]["result"] == "deleted"
    assert not (kept / "command-one.yaml").exists()
    assert not (daemon.home / "commands" / "one").exists()
    assert (daemon.home / "commands" / "two").exists()


def test_standard_input_that_does_not_hold_keeps_nothing(daemon: Daemon) -> None:
    with pytest.raises(InvalidInput) as caught:
        daemon.ask("apply", stdin=command("one") + "---\n" + command("Two"))
    assert caught.value.diagnostics[0].file == "<stdin>"
    with pytest.raises(InvalidInput, match="there are no manifests"):
        daemon.ask("apply", stdin="# nothing\n---\n")
    assert not (daemon.home / "manifests" / "applied").exists()


def test_what_a_file_of_the_users_declares_is_deleted_there(daemon: Daemon, source: Path) -> None:
    daemon.ask("apply", paths=[str(source)])
    with pytest.raises(InvalidInput, match=r"hello\.yaml:1"):
        daemon.ask("delete", refs=["command/hello"])
    with pytest.raises(InvalidInput, match=r"hello\.yaml:1"):
        daemon.ask("apply", stdin=command("hello", "echo other"))
    with pytest.raises(InvalidInput, match=str(source)):
        daemon.ask("delete", paths=[str(source / "hello.yaml")])
    answer = daemon.ask("delete", paths=[str(source)])
    assert [r["result"] for r in answer["results"]] == ["deleted"]
    assert not (daemon.home / "commands" / "hello").exists()
    assert (source / "hello.yaml").exists()


def test_sources_are_remembered_over_a_restart(tmp_path: Path, source: Path) -> None:
    home = tmp_path / "home"
    with running(home) as first:
        first.ask("apply", paths=[str(source)])
    (home / "commands" / "hello").unlink()
    with running(home) as second:
        final = last(second.stream("wait", refs=["command/hello"]))
        assert final["code"] == 0, final
    assert (home / "commands" / "hello").exists()


def test_wait_waits_for_what_is_not_declared_yet(daemon: Daemon, source: Path) -> None:
    answers: list[dict[str, Any]] = []
    waiting = threading.Thread(
        target=lambda: answers.append(last(daemon.stream("wait", refs=["command/hello"])))
    )
    waiting.start()
    daemon.ask("apply", paths=[str(source)])
    waiting.join(30)
    assert answers[0]["code"] == 0
    assert answers[0]["items"][0]["met"] is True


def test_wait_tells_what_is_missing_when_the_time_is_over(daemon: Daemon, source: Path) -> None:
    missing = daemon.ask("wait", refs=["cmd/nobody"], timeout=0.1)
    assert missing["code"] == 4
    assert missing["items"] == [
        {"kind": "Command", "name": "nobody", "declared": False, "met": False}
    ]
    daemon.ask("apply", paths=[str(source)])
    value = "jsonpath={.status.conditions[0].reason}=Reconciled"
    assert daemon.ask("wait", refs=["all"], **{"for": value})["code"] == 0
    other = daemon.ask("wait", refs=["all"], timeout=0.1, **{"for": value + "not"})
    assert other["code"] == 4
    with pytest.raises(InvalidInput, match="--for"):
        daemon.ask("wait", refs=["all"], **{"for": "Readyy"})


def test_looking_shows_the_same_thing_in_every_form(daemon: Daemon, source: Path) -> None:
    daemon.ask("apply", paths=[str(source)])
    (found,) = daemon.ask("get", kind="CMD")["items"]
    assert found["metadata"] == {"name": "hello"}
    assert found["status"]["conditions"][0]["status"] == "True"
    assert daemon.ask("get", kind="all", names=["hello"])["items"] == [found]
    table = daemon.ask("table", kind="commands")
    assert table["columns"][0] == "NAME"
    assert table["rows"][0][0] == "hello"
    assert daemon.ask("table", kind="agents")["rows"] == []
    page = daemon.ask("describe", ref="command/hello")
    assert page["object"] == found
    assert page["events"]
    assert daemon.ask("tree")["items"][0]["name"] == "hello"
    assert daemon.ask("complete", prefix="command/h")["items"] == ["command/hello"]
    with pytest.raises(P42Error, match="did you mean hello"):
        daemon.ask("get", kind="command", names=["helo"])
    with pytest.raises(InvalidInput, match="did you mean command"):
        daemon.ask("get", kind="comand")


def test_watch_tells_what_is_there_and_then_each_change(daemon: Daemon, source: Path) -> None:
    daemon.ask("apply", paths=[str(source)])
    changes = daemon.stream("watch", kind="commands")
    first = next(changes)["stream"]
    assert (first["change"], first["name"]) == ("is", "hello")
    daemon.ask("delete", paths=[str(source)])
    assert any(change["stream"]["change"] == "gone" for change in changes)
    changes.close()  # type: ignore[attr-defined]


def test_events_and_logs_tell_what_happened(daemon: Daemon, source: Path) -> None:
    daemon.ask("apply", paths=[str(source)])
    events = daemon.ask("events", ref="command/hello")["items"]
    assert events[-1]["reason"] == "Reconciled"
    assert any("is ready" in line for line in daemon.ask("logs", target="daemon")["lines"])
    with pytest.raises(P42Error, match="p42 events"):
        daemon.ask("logs", target="command/hello")


def test_pause_and_resume_and_reconcile(daemon: Daemon, source: Path) -> None:
    daemon.ask("apply", paths=[str(source)])
    assert daemon.ask("pause", refs=["command/hello"]) == {"refs": ["Command/hello"]}
    condition = "jsonpath=.status.conditions[0].reason=Paused"
    assert daemon.ask("wait", refs=["command/hello"], **{"for": condition})["code"] == 0
    daemon.ask("pause", refs=["command/hello"], on=False)
    assert daemon.ask("wait", refs=["command/hello"])["code"] == 0
    assert daemon.ask("reconcile", refs=["all"])["refs"] == ["Command/hello"]
    with pytest.raises(P42Error, match="not declared"):
        daemon.ask("reconcile", refs=["command/nobody"])
