"""Drift is true: every change by hand is seen, and `diff` prints what `apply` then does."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.robust.box import Box
from tests.e2e.robust.texts import account, agent, command, integration, joined, project, save

NEEDS = "  dependencies: [sh]\n"


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """One daemon for all that heals."""
    box = Box(tmp_path_factory.mktemp("drift"))
    save(box.manifests / "tool.yaml", command("tool", "echo mine", more=NEEDS))
    save(box.manifests / "muse.yaml", agent("muse"))
    box.apply()
    box.settled("tool", "muse")
    yield box
    box.close()


def deleted(path: Path) -> None:
    path.unlink()


def edited(path: Path) -> None:
    path.write_text("#!/bin/sh\necho theirs\n")


def one_byte_more(path: Path) -> None:
    with path.open("a") as file:
        file.write("\n")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def not_executable(path: Path) -> None:
    path.chmod(0o644)


def open_to_all(path: Path) -> None:
    path.chmod(0o777)


def a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "theirs").write_text("x")


def a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/bin/true")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


TAMPER: list[Callable[[Path], None]] = [
    deleted, edited, one_byte_more, emptied, not_executable, open_to_all, a_directory, a_link,
    a_pipe,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPER, ids=lambda each: each.__name__)
def test_what_was_changed_by_hand_is_drift_while_paused_and_healed_when_resumed(
    tool: Box, tamper: Callable[[Path], None]
) -> None:
    box = tool
    assert box("pause", "cmd/tool").code == 0
    tamper(box.forged("tool"))
    box.until(lambda: box.item("tool")["drift"], "it is drift")
    status = box("get", "status")
    assert status.code == 2
    row = next(line for line in status.out.splitlines() if " tool " in line)
    assert row.split()[2:5] == ["Unknown", "yes", "Paused"], row
    assert box("resume", "cmd/tool").code == 0
    box.until(lambda: box.runs("tool") == "mine\n", "healed")
    assert box.forged("tool").stat().st_mode & 0o7777 == 0o755
    box.settled("tool", "muse")
    assert box("get", "status").code == 0
    if tamper is a_directory:
        kept = box.home / "commands" / ".p42" / "tool.aside" / "theirs"
        assert kept.read_text() == "x"


def test_the_installer_is_watched_over_too(tool: Box) -> None:
    installer = tool.home / "install-deps.sh"
    assert installer.stat().st_mode & 0o777 == 0o755
    installer.chmod(0o644)
    assert tool("apply", "-f", str(tool.manifests)).code == 0
    assert installer.stat().st_mode & 0o777 == 0o755
    installer.unlink()
    assert tool("diff").code == 2
    assert tool("reconcile", "cmd/tool").code == 0
    tool.until(installer.exists, "restored")


def test_a_tampered_command_is_healed_unasked_and_soon(tool: Box) -> None:
    for tamper in (edited, deleted, not_executable):
        tamper(tool.forged("tool"))
        took = tool.until(
            lambda: tool.runs("tool") == "mine\n"
            and tool.forged("tool").stat().st_mode & 0o777 == 0o755, "healed",
        )  # fmt: skip
        assert took < 5, tamper


def test_heal_warn_tells_and_does_not_mend_until_asked(box: Box) -> None:
    text = command("tool", "echo mine").replace(
        "{name: tool}", "{name: tool, annotations: {p42.dev/heal: warn}}"
    )
    save(box.manifests / "tool.yaml", text)
    box.apply()
    edited(box.forged("tool"))
    box.until(lambda: box.item("tool")["reason"] == "Drifted", "it is told")
    assert box("get", "status").code == 2
    assert box.runs("tool") == "theirs\n"
    box.restart(dead=True)
    box.until(lambda: box.item("tool").get("reason") == "Drifted", "told after a restart")
    assert box.runs("tool") == "theirs\n"
    assert box("reconcile", "cmd/tool").code == 0
    box.until(lambda: box.runs("tool") == "mine\n", "mended once")


Edit = Callable[[Path], None]


def everything_new(where: Path) -> None:
    save(where / "all.yaml", joined(account("local", default=True), integration("work"),
         agent("muse", tools=["work"]), project("numa", agentRef="muse")))  # fmt: skip
    save(where / "tool.yaml", command("tool", more=NEEDS))
    save(where / "tried.yaml", command("tried", more=TESTS))


TESTS = "  tests: [{expect: {stdout: tried}}]\n"


def some_edited(where: Path) -> None:
    save(where / "tool.yaml", command("tool", "echo other", more=NEEDS))
    save(where / "tried.yaml", command("tried", "echo tried; true", more=TESTS))
    save(where / "muse.yaml", agent("other", temperature=1))


def some_gone(where: Path) -> None:
    (where / "tool.yaml").unlink()
    save(where / "all.yaml", joined(account("local", default=True), agent("muse"),
         project("numa", agentRef="muse")))  # fmt: skip


STORY: tuple[Edit, ...] = (everything_new, some_edited, some_gone)


def test_diff_prints_exactly_the_steps_that_apply_then_does(box: Box) -> None:
    """Each edit is made while no daemon runs, so that nobody is quicker than `diff`."""
    box.serve().stop()
    for edit in STORY:
        edit(box.manifests)
        before = shape(box.home)
        said = box("diff", "-f", str(box.manifests), "-o", "json")
        assert said.code == 2, said
        assert shape(box.home) == before
        promised = sorted((s["kind"], s["name"], s["step"], s["detail"])
                          for s in said.json["steps"])  # fmt: skip
        box.serve()
        applied = box("apply", "-f", str(box.manifests), "--timeout", "30s")
        assert applied.code == 0, applied
        assert done(box) == promised
        again = box("diff", "-f", str(box.manifests), "-o", "json")
        assert (again.code, again.json) == (0, {"steps": []})
        assert box("apply", "--dry-run", "-f", str(box.manifests)).code == 0
        box.stop()
        forget_events(box.home)


def shape(home: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in home.rglob("*") if p.is_file() and "logs" not in str(p)}


def done(box: Box) -> list[tuple[str, str, str, str]]:
    """Every step in the journal, as `diff` tells steps."""
    words = {"Deleted", "Reconciled", "Waiting", "Deleting", "Observed", "Invalid"}
    events = box.ask("events", limit=1000)["items"]
    return sorted(
        (e["kind"], e["name"], e["reason"], e["message"])
        for e in events if "kind" in e and e["reason"] not in words for _ in range(e["count"])
    )  # fmt: skip


def forget_events(home: Path) -> None:
    with sqlite3.connect(home / "state.db") as db:
        db.execute("DELETE FROM events")
    db.close()


def test_the_exit_codes_of_diff_and_status_follow_the_world(box: Box) -> None:
    assert box("get", "status").code == 5
    path = save(box.manifests / "one.yaml", command("one"))
    assert box("diff", "-f", str(box.manifests)).code == 2
    box.apply()
    assert box("diff").code == 0
    assert box("get", "status").code == 0
    assert json.loads(box("get", "status", "-o", "json").out)["inSync"] is True
    save(path, command("one", more="  tests: [{expect: {exitCode: 7}}]\n"))
    failed = box("apply", "-f", str(box.manifests))
    assert failed.code == 1, failed
    assert box.runs("one") == "one\n"
    save(path, agent("one", accountRef="nobody"))
    assert box("apply", "-f", str(box.manifests), "--prune").code == 2
    assert box("get", "status").code == 2
