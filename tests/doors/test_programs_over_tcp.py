"""A program that p42 started reaches the gateway, and nothing of people there, whatever it does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.approval.test_daemon import until
from tests.doors.daemons import Daemon, declare
from tests.process import test_strays as strays
from tests.process.daemon import declared, started, vendor
from tests.process.room import alive

# Reads what to do, does it, and tells what the gateway said to it, "" if nothing.
ASKS = """
import ctypes, encodings.idna, json, os, socket, sys

def told(said):
    print(json.dumps(said), "\\x04", sep="\\n", flush=True)

def asks(door, how, request):
    if how == "undumpable":
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    door.sendall(request.encode())
    if how == "closed":
        return ""
    if how == "half":
        door.shutdown(socket.SHUT_WR)
    return door.makefile().readline()

for line in sys.stdin:
    asked = json.loads(line)
    how, request = asked["how"], json.dumps(asked["request"])
    control = os.environ["P42_HOME"] + "/run/p42.sock"
    door = socket.socket(socket.AF_UNIX if how == "control" else socket.AF_INET)
    try:
        door.connect(control if how == "control" else ("127.0.0.1", asked["port"]))
    except OSError as error:
        told(json.dumps({"error": f"unreached: {error}"}))
        continue
    if how == "forks":
        if not os.fork():
            os.setsid()
            if not os.fork():
                told(asks(door, how, request))
            os._exit(0)
        door.close()
        continue
    said = asks(door, how, request)
    door.close()
    told(said)
"""
HOWS = ["plain", "half", "forks", "undumpable", "closed"]
PROCESS = {"command": sys.executable, "args": ["-c", ASKS], "protocol": "lines"}
SECRET = {"how": "plain", "request": {"type": "ping", "id": "only the person knows"}}


class Placed:
    """A daemon with agent `coder`, and a person's conversation with it, `mine`."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon, self.port = daemon, daemon.port

    def program(self, how: str, kind: str, payload: Any = None) -> Any:
        """What the program is told when it asks of the conversation `mine`."""
        request = {"type": kind, "id": "mine", "payload": payload}
        message = json.dumps({"how": how, "port": self.port, "request": request})
        answer = self.daemon.ask("say", agent="coder", message=message, session=how)["answer"]
        return json.loads(json.loads(answer) or "null")

    def person(self, kind: str, payload: Any = None) -> Any:
        """The same, asked by a person."""
        request = {"type": kind, "id": "mine", "payload": payload}
        return json.loads(self.daemon.say(json.dumps(request).encode()))

    def message(self) -> dict[str, str]:
        return {"agent": "@ai-coder", "message": json.dumps({**SECRET, "port": self.port})}


@pytest.fixture(scope="module", params=["sandbox", "bare"])
def placed(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placed]:
    root = tmp_path_factory.mktemp("placed")
    env = {}
    if request.param == "bare":  # no bubblewrap: Landlock, where the kernel has it
        (root / "bin").mkdir()
        for name in ("python3", "sh", "bash"):
            found = shutil.which(name)
            assert found is not None
            (root / "bin" / name).symlink_to(Path(found).resolve())
        env["PATH"] = str(root / "bin")
    with vendor(()) as server:
        declared(root / "m", server.url, PROCESS)
        with started(root / "home", root / "m", **env) as daemon:
            there = Placed(daemon)
            said = there.person("possess", there.message())
            assert json.loads(json.loads(said["data"]["message"]))["success"], said
            yield there


@pytest.mark.parametrize("how", HOWS)
def test_it_neither_reads_nor_speaks_in_a_persons_conversation(placed: Placed, how: str) -> None:
    before = placed.daemon.ask("session.show", session="mine")
    asked = {"possess": placed.message(), "memory": None, "end": None}
    for kind, payload in asked.items():
        said = placed.program(how, kind, payload)
        if how != "closed":
            assert (said["id"], said["success"], said["code"]) == ("mine", False, 1)
            assert said["error"].startswith(f"{kind} is for a person")
    assert placed.person("possess", placed.message())["success"]
    after = placed.daemon.ask("session.show", session="mine")
    assert after["state"] == "active"
    assert len(after["messages"]) == len(before["messages"]) + 2


def test_nor_what_people_said_to_a_project(placed: Placed) -> None:
    said = placed.program("plain", "describe", {"ref": "projectci/tea"})
    assert said["error"].startswith("describe is for a person")


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("possess", {"agent": "coder", "message": "x"}),
        ("say", {"agent": "coder", "message": "x", "session": "mine"}),
        ("ask", {"question": "x"}),
        ("memory", None),
        ("end", None),
        ("logs", {"target": "daemon"}),
    ],
)
def test_nor_does_it_on_the_control_socket(placed: Placed, kind: str, payload: Any) -> None:
    """Where that is in its reach at all."""
    said = placed.program("control", kind, payload)["error"]
    assert said.startswith((f"{kind} is for a person", "unreached: "))


def test_it_is_told_why_and_what_to_do(placed: Placed) -> None:
    said = placed.program("plain", "possess", placed.message())["error"]
    assert "a program that p42 itself started holds this connection" in said
    assert "the token that it was given" in said


@pytest.mark.parametrize("kind", ["status", "list", "ping", "overview", "get"])
def test_it_may_look_at_what_tells_nothing_of_people(placed: Placed, kind: str) -> None:
    assert placed.program("plain", kind)["success"]


def test_a_person_beside_it_is_heard_as_before(placed: Placed) -> None:
    sessions = placed.person("memory")["data"]["recent_sessions"]
    assert "mine" in [each["id"] for each in sessions]
    assert placed.person("end")["success"]
    assert placed.person("possess", placed.message())["success"]


STRAY = strays.STRAY.replace(
    """    door = socket.socket(socket.AF_UNIX)
    door.connect(home + "/run/p42.sock")
    door.sendall(request.encode() + b"\\n")
""",
    """    door = socket.socket()
    door.connect(("127.0.0.1", int(open(place + "/port").read())))
    door.sendall(b'{"type":"memory","id":"m"}')
""",
)


@pytest.mark.parametrize("by", ["git", "test"])
def test_two_forks_make_no_person_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setattr(strays, "STRAY", STRAY)
    with strays.strayed(tmp_path, by=by) as (daemon, stray):
        (stray.place / "port").write_text(str(daemon.port))
        if by == "git":
            declare(tmp_path / "source", "held", "echo worse")
            until(daemon, "command/held", "NeedsApproval")
        assert stray.pid
        assert "memory is for a person" in stray.asks()
        assert json.loads(daemon.say(b'{"type":"memory","id":"m"}'))["success"]


def test_a_kill_of_the_keeper_makes_no_person_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strays, "STRAY", STRAY)
    with strays.strayed(tmp_path, by="git") as (daemon, stray):
        (stray.place / "port").write_text(str(daemon.port))
        assert stray.pid
        keeper = int((daemon.home / "run" / "keeper.lock").read_text())
        os.kill(keeper, signal.SIGKILL)
        strays.waited(lambda: not alive(keeper))
        try:
            assert "memory is for a person" in stray.asks()
        except (AssertionError, TimeoutError):
            assert not alive(stray.pid), "the next keeper ended it"
