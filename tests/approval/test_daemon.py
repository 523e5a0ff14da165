"""A real daemon, a real git, real children: held, shown, agreed to, and by nobody but a person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from p42.daemon import offline_plan
from p42.model.errors import InvalidInput
from tests.doors.daemons import Daemon, command, declare, running


def git(where: Path, *words: str) -> None:
    who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    subprocess.run(["git", "-C", where, *who, *words], check=True, capture_output=True, env=env)


def p42(daemon: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "P42_HOME": str(daemon.home)}
    return subprocess.run([sys.executable, "-m", "p42", *words], capture_output=True, text=True,
                          env=env, stdin=subprocess.DEVNULL, check=False, timeout=60)  # fmt: skip


def until(daemon: Daemon, name: str, reason: str) -> None:
    condition = f"jsonpath=.status.conditions[0].reason={reason}"
    found = daemon.ask("wait", refs=[name], timeout=20.0, **{"for": condition})
    assert found["items"][0]["met"], found


def says(daemon: Daemon, name: str) -> str:
    return subprocess.run([daemon.home / "commands" / name], capture_output=True, text=True,
                          check=True).stdout  # fmt: skip


def test_what_a_pull_brought_waits_is_shown_and_runs_when_agreed_to(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    declare(theirs, "hello", "echo one")
    git(theirs, "init", "-q", "-b", "main")
    git(theirs, "add", "-A")
    git(theirs, "commit", "-qm", "one")
    git(tmp_path, "clone", "-q", str(theirs), str(ours))
    with running(tmp_path / "home", P42_TRUST="follow", P42_STATUS_WRITE="none") as daemon:
        assert daemon.ask("apply", paths=[str(ours)])["code"] == 0
        declare(theirs, "hello", "echo two")
        git(theirs, "commit", "-qam", "two")
        git(ours, "pull", "-q")
        until(daemon, "command/hello", "NeedsApproval")
        assert says(daemon, "hello") == "one\n"
        _shown_everywhere(daemon, ours)
        done = p42(daemon, "approve", "command/hello")
        assert (done.returncode, says(daemon, "hello")) == (3, "one\n"), done
        done = p42(daemon, "approve", "--all", "--yes")
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "command/hello approved")
        until(daemon, "command/hello", "Reconciled")
        assert says(daemon, "hello") == "two\n"
        declare(ours, "hello", "echo by hand")
        third = daemon.ask("wait", refs=["command/hello"], timeout=20.0,
                           **{"for": "jsonpath=.status.generation=3"})  # fmt: skip
        assert third["code"] == 0
        until(daemon, "command/hello", "Reconciled")
        assert says(daemon, "hello") == "by hand\n"


def _shown_everywhere(daemon: Daemon, source: Path) -> None:
    for shown in (
        p42(daemon, "describe", "command/hello").stdout,
        p42(daemon, "diff", "-f", str(source)).stdout,
        p42(daemon, "approve", "command/hello").stdout,
    ):
        assert "-echo one" in shown
        assert "+echo two" in shown
    status = p42(daemon, "get", "status")
    assert status.returncode == 2
    assert "NeedsApproval" in status.stdout
    assert "p42 approve command/hello" in status.stdout
    answer = daemon.ask("diff", paths=[str(source)])
    assert [each["why"] for each in answer["approvals"]] == ["git"]
    # Without a daemon the same: what is held is known from state.db.
    offline: Any = offline_plan(daemon.home, [str(source)])
    assert offline["steps"] == answer["steps"]


def test_pin_holds_an_edit_until_it_is_applied_and_over_a_kill(tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "source"
    declare(source, "hello", "echo one")
    with running(home, P42_TRUST="pin") as daemon:
        assert daemon.ask("apply", paths=[str(source)])["code"] == 0
        declare(source, "hello", "echo two")
        until(daemon, "command/hello", "NeedsApproval")
        daemon.process.kill()
        daemon.process.wait()
    (home / "commands" / "hello").write_text("tampered")
    with running(home, P42_TRUST="pin") as daemon:
        until(daemon, "command/hello", "NeedsApproval")
        assert says(daemon, "hello") == "one\n"  # the old version was healed meanwhile
        (waiting,) = daemon.ask("approvals")["items"]
        with pytest.raises(InvalidInput, match="changed since it was shown"):
            daemon.ask("approve", refs=["command/hello"], digests=["0" * 64])
        with pytest.raises(InvalidInput, match="as many digests"):
            daemon.ask("approve", refs=["command/hello"], digests=[])
        done = p42(daemon, "apply", "-f", str(source))
        assert (done.returncode, says(daemon, "hello")) == (0, "two\n"), done
        assert waiting["why"] == "pin"


RAW = """
import json, os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect(os.environ["P42_HOME"] + "/run/p42.sock")
request = {"type": "approve", "id": "1", "payload": {"refs": ["command/held"], "digests": [%r]}}
door.sendall(json.dumps(request).encode() + b"\\n")
print(door.makefile().readline())
"""


def _attempts(daemon: Daemon, digest: str, directory: Path) -> str:
    """A script that tries to agree in the user's name: by CLI, by socket, and as an orphan."""
    raw = directory / "raw.py"
    raw.write_text(RAW % digest)
    python = sys.executable
    return "\n".join([
        f"export P42_HOME={daemon.home}",
        f"{python} -m p42 approve --all --yes > {directory}/cli 2>&1",
        f"{python} {raw} > {directory}/socket 2>&1",
        # A grandchild whose parents are gone is the keeper's all the same.
        f"( setsid {python} {raw} > {directory}/orphan 2>&1 & )",
        f"for i in $(seq 100); do test -s {directory}/orphan && break; sleep 0.05; done",
        "exit 0",
    ])  # fmt: skip


def test_no_child_of_p42_can_agree(tmp_path: Path) -> None:
    source = tmp_path / "source"
    declare(source, "held", "echo one")
    with running(tmp_path / "home", P42_TRUST="pin") as daemon:
        assert daemon.ask("apply", paths=[str(source)])["code"] == 0
        declare(source, "held", "echo evil")
        until(daemon, "command/held", "NeedsApproval")
        (waiting,) = daemon.ask("approvals")["items"]
        body = json.loads(command("sly", _attempts(daemon, waiting["digest"], tmp_path)))
        body["spec"]["tests"] = [{"expect": {"stdout": "no way"}}]
        (source / "sly.yaml").write_text(json.dumps(body))
        daemon.ask("apply", paths=[str(source / "sly.yaml")])  # its tests run, as p42's children
        until(daemon, "command/sly", "TestsFailed")
        assert "+echo evil" in (tmp_path / "cli").read_text()  # it may look
        for attempt in ("cli", "socket"):
            assert "approve is for a person" in (tmp_path / attempt).read_text()
        assert "may not ask for approve" in (tmp_path / "orphan").read_text()
        assert [each["digest"] for each in daemon.ask("approvals")["items"]] == [waiting["digest"]]
        assert says(daemon, "held") == "one\n"
