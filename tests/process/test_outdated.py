"""A program older than what is followed: real daemon, real sandbox, every change there waits."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.approval.test_daemon import p42, says, until
from tests.doors.daemons import PATIENCE, Daemon, command, declare
from tests.process.daemon import declared, started, vendor
from tests.tools.shop import needs_sandbox

# It writes what it finds in `order`, an object of paths and texts, until one of these is "last".
WORKS = """
import json, os, sys, time
for line in sys.stdin:
    print("at work", flush=True)
    end = False
    while not end:
        time.sleep(0.05)
        if not os.path.exists("order"):
            print("still", flush=True)  # who is quiet for long has answered
            continue
        order = json.load(open("order"))
        done = {}
        for path, text in order.items():
            try:
                with open(path + ".part", "w") as file:
                    file.write(text)
                os.rename(path + ".part", path)
                done[path] = "written"
            except OSError as error:
                done[path] = error.strerror
        end = not order or "last" in order
        os.unlink("order")
        with open("done.part", "w") as file:
            json.dump(done, file)
        os.rename("done.part", "done")
    print("\\x04", flush=True)
"""


class Agent:
    """`coder`, whose directory is `project`, in the middle of an answer."""

    def __init__(self, daemon: Daemon, project: Path) -> None:
        self.project, self.daemon = project, daemon
        self.stream = daemon.stream("say", agent="coder", message="work", session="s")
        assert "at work" in json.dumps(next(self.stream))

    def writes(self, files: dict[str, str]) -> dict[str, str]:
        """What became of each. A file `last`, or none at all, is the end of its answer."""
        (self.project / "order.part").write_text(json.dumps(files))
        (self.project / "order.part").rename(self.project / "order")
        waited((self.project / "done").exists)
        done: dict[str, str] = json.loads((self.project / "done").read_text())
        (self.project / "done").unlink()
        return done

    def ends(self, **files: str) -> None:
        self.writes({"last": "", **files} if files else {})
        assert "answer" in list(self.stream)[-1]["data"]


def waited(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def checks(daemon: Daemon) -> list[str]:
    """What doctor says of agents."""
    return [each["message"] for each in daemon.ask("doctor")["checks"] if each["check"] == "agents"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with vendor(()) as server:
        yield server.url


@needs_sandbox
@pytest.mark.parametrize("what", ["manifests", "."])
def test_what_it_writes_there_waits_also_after_it_ended(
    tmp_path: Path, url: str, what: str
) -> None:
    """`.`: a parent that takes in what was followed, and kept from the program, before."""
    project = tmp_path / "project"
    manifests, source = project / "manifests", project / what
    declare(manifests, "hello", "echo one")
    process = {"command": sys.executable, "args": ["-c", WORKS], "protocol": "lines",
               "cwd": str(project)}  # fmt: skip
    declared(tmp_path / "m", url, process)
    with started(tmp_path / "home", tmp_path / "m", P42_STATUS_WRITE="none") as daemon:
        if what == ".":
            assert daemon.ask("apply", paths=[str(manifests)], timeout=PATIENCE)["code"] == 0
        agent = Agent(daemon, project)
        declare(source, "ours", "echo ours")
        assert daemon.ask("apply", paths=[str(source)], timeout=PATIENCE)["code"] == 0
        assert (says(daemon, "hello"), says(daemon, "ours")) == ("one\n", "ours\n")
        assert checks(daemon) == [
            f"agent/coder may write {source.resolve()}: every change there waits for approval"
        ]
        evil = f"{what}/evil.yaml"
        assert agent.writes({evil: command("evil", "echo evil")}) == {evil: "written"}
        until(daemon, "command/evil", "NeedsApproval")
        agent.ends(**{f"{what}/ours.yaml": command("ours", "echo parting shot")})
        until(daemon, "command/ours", "NeedsApproval")
        waited(lambda: not checks(daemon))
        _still_waits(daemon)
        daemon.stop()
    with started(tmp_path / "home", tmp_path / "m", P42_STATUS_WRITE="none") as daemon:
        until(daemon, "command/ours", "NeedsApproval")
        _still_waits(daemon)
        _is_over(daemon, source, project)


def _still_waits(daemon: Daemon) -> None:
    assert not (daemon.home / "commands" / "evil").exists()
    assert says(daemon, "ours") == "ours\n"
    why = "while agent/coder could write there"
    for shown in (
        p42(daemon, "get", "status").stdout, p42(daemon, "describe", "command/evil").stdout,
        *(each["message"] for each in daemon.ask("approvals")["items"]),
    ):  # fmt: skip
        assert why in " ".join(shown.split()), shown
    assert {each["by"] for each in daemon.ask("approvals")["items"]} == {"agent/coder"}


def _is_over(daemon: Daemon, source: Path, project: Path) -> None:
    """A person's word and a person's edit count as ever, and a new program has new walls."""
    waited(lambda: not checks(daemon))
    assert p42(daemon, "approve", "--all", "--yes").returncode == 0
    until(daemon, "command/evil", "Reconciled")
    assert says(daemon, "ours") == "parting shot\n"
    declare(source, "mine", "echo mine")
    until(daemon, "command/mine", "Reconciled")
    agent = Agent(daemon, project) if source != project else None
    if agent is not None:
        (refused,) = agent.writes({"manifests/worse.yaml": command("worse")}).values()
        assert refused == "Read-only file system"
        agent.ends()
        assert checks(daemon) == []
