"""Process agents behind a real daemon: their status, their standing, and what a kill leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.daemons import PATIENCE, Daemon, running
from tests.process.daemon import declared, started, vendor
from tests.process.room import PROGRAMS, alive

ASKS = """
import json, os, socket, sys
for line in sys.stdin:
    door = socket.socket(socket.AF_UNIX)
    try:
        door.connect(os.environ["P42_HOME"] + "/run/p42.sock")
        door.sendall(line.encode())
        print(door.recv(65536).decode().strip(), flush=True)
    except OSError as error:
        print("refused:", error.strerror, flush=True)
"""
LINES = {"command": sys.executable, "args": [str(PROGRAMS / "lines.py")], "protocol": "lines"}
CLAUDE = {"command": sys.executable, "args": [str(PROGRAMS / "claude.py")],
          "protocol": "claude-stream-json"}  # fmt: skip


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Of a vendor that is well."""
    with vendor(()) as server:
        yield server.url


def say(daemon: Daemon, message: str, session: str = "s") -> str:
    answer = daemon.ask("say", agent="coder", message=message, session=session)["answer"]
    assert isinstance(answer, str)
    return answer


def until(holds: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """A PATH without bubblewrap."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("python3", "sh", "bash"):
        found = shutil.which(name)
        assert found is not None
        (place / name).symlink_to(Path(found).resolve())
    return str(place)


def test_a_program_that_is_not_there_is_told_in_the_status_and_found_once_it_is(
    tmp_path: Path, url: str
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    declared(tmp_path / "m", url, {"command": "claude", "protocol": "claude-stream-json"})
    bare = f"{tools}:/usr/sbin"
    with running(tmp_path / "home", PATH=bare, P42_HTTP_PORT="0") as daemon:
        daemon.ask("apply", paths=[str(tmp_path / "m")], timeout=1.0)

        def ready() -> Any:
            found = daemon.ask("get", kind="agent", names=["coder"])["items"][0]["status"]
            return found["conditions"][0]

        until(lambda: ready()["reason"] == "Blocked")
        said = "claude: no such program; npm install -g @anthropic-ai/claude-code"
        assert ready()["message"] == said
        (tools / "claude").symlink_to(shutil.which("true") or "/bin/true")
        daemon.ask("reconcile", refs=["agent/coder"])
        until(lambda: ready()["status"] == "True")


def test_a_program_may_not_act_as_the_person_even_where_it_reaches_the_socket(
    tmp_path: Path, url: str, bare: str
) -> None:
    process = {**LINES, "args": ["-c", ASKS]}
    declared(tmp_path / "m", url, process)
    request = {"type": "token.create", "id": "1", "payload": {"name": "x", "scopes": ["admin"]}}
    listing, forward = {"type": "session.list", "id": "2"}, {"type": "project.forwards", "id": "3"}
    with started(tmp_path / "home", tmp_path / "m", PATH=bare) as daemon:
        for each in (request, listing, forward):
            assert f"{each['type']} is for a person" in say(daemon, json.dumps(each))
    with started(tmp_path / "home", tmp_path / "m") as daemon:
        told = say(daemon, json.dumps(request))
        assert "is for a person" in told or told.startswith("refused")


@pytest.mark.parametrize(("process", "message"), [(LINES, "flood"), (CLAUDE, "fork")])
def test_a_kill_of_the_daemon_ends_its_programs_and_a_restart_goes_on(
    tmp_path: Path, url: str, process: dict[str, Any], message: str
) -> None:
    declared(tmp_path / "m", url, process)
    with started(tmp_path / "home", tmp_path / "m") as daemon:
        stream = daemon.stream("say", agent="coder", message=message, session="s")
        assert "text" in next(stream)["stream"]
        programs = _programs(daemon.home)
        assert programs
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        stream.close()
        until(lambda: not alive(*programs))
    with started(tmp_path / "home", tmp_path / "m") as daemon:
        turns = daemon.ask("session.show", session="s")["messages"]
        assert [(turn["role"], turn["cut"]) for turn in turns[:1]] == [("user", False)]
        answer = say(daemon, "count" if process is LINES else "history")
        assert answer == ("1" if process is LINES else "fork; history")
        assert daemon.ask("session.show", session="s")["state"] == "active"


def test_the_end_of_the_daemon_is_the_end_of_its_programs(tmp_path: Path, url: str) -> None:
    declared(tmp_path / "m", url, LINES)
    with started(tmp_path / "home", tmp_path / "m") as daemon:
        assert say(daemon, "count") == "1"
        programs = _programs(daemon.home)
        assert daemon.stop() < 10.0
        assert alive(*programs) == []


def _programs(home: Path) -> list[int]:
    """What runs for an agent of this home, by its environment."""
    mark = f"P42_HOME={home}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            env = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in env and b"P42_AGENT=coder" in env and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found
