"""The lifetime table of DESIGN section 7, and children that behave badly."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.keeper.conftest import (
    Client,
    Daemon,
    alive,
    begin,
    declaration,
    ping,
    until,
)


def started(daemon: Daemon, code: str, *, name: str = "tool", **fields: Any) -> tuple[int, int]:
    """Run a Python program through the keeper; its pid and the reading end of its output."""
    null = os.open(os.devnull, os.O_RDWR)
    reading, writing = os.pipe()
    answer = daemon.ask(
        "run", (null, writing, writing), id=name, token="t",
        argv=[sys.executable, "-c", code], env={"PATH": os.defpath}, cwd="/", **fields,
    )  # fmt: skip
    os.close(null)
    os.close(writing)
    return answer["pid"], reading


def test_children_live_on_when_the_daemon_dies(run: Path) -> None:
    begin(run)
    first = Daemon(run)
    port = first.ask("declare", **declaration(run, "kept"))["unit"]["port"]
    client = Client(port)
    client.say({"type": "ping"})
    pid = first.unit("ProjectCI/kept")["pid"]
    first.close()
    assert client.say({"type": "ping"})["type"] == "pong"
    second = Daemon(run)
    assert second.unit("ProjectCI/kept")["pid"] == pid
    client.close()
    second.close()


def test_everything_ends_when_the_keeper_is_told_to(daemon: Daemon, run: Path) -> None:
    port = daemon.ask("declare", **declaration(run, "ended"))["unit"]["port"]
    ping(port)
    children = [child["pid"] for child in daemon.ask("table")["children"]]
    daemon.ask("end")
    assert daemon.ended()
    until(lambda: not any(alive(pid) for pid in children), "no child is left")
    assert not (run / "keeper.sock").exists()
    until(lambda: not alive(daemon.pid), "the keeper is gone")
    assert [path.name for path in run.iterdir()] == ["keeper.lock"]


def test_without_a_daemon_for_the_grace_period_everything_ends(run: Path) -> None:
    begin(run, grace=0.2)
    link = Daemon(run)
    ping(link.ask("declare", **declaration(run, "alone"))["unit"]["port"])
    pids = [child["pid"] for child in link.ask("table")["children"]]
    keeper = link.pid
    link.close()
    until(lambda: not any(alive(pid) for pid in [keeper, *pids]), "all have ended")


def test_children_die_with_a_killed_keeper(daemon: Daemon, run: Path) -> None:
    ping(daemon.ask("declare", **declaration(run, "orphan"))["unit"]["port"])
    tool, reading = started(daemon, "import time; time.sleep(600)")
    pids = [tool, *(child["pid"] for child in daemon.ask("table")["children"])]
    os.kill(daemon.pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in pids), "no orphan is left")
    os.close(reading)


def test_one_keeper_a_home(daemon: Daemon, run: Path) -> None:
    begin(run)
    assert daemon.ask("table")["units"] == []
    assert int((run / "keeper.lock").read_text()) == daemon.pid


def test_a_child_that_ignores_sigterm_is_killed(daemon: Daemon) -> None:
    deaf = "import signal,time; signal.signal(15, signal.SIG_IGN)"
    code = f"{deaf}; print(1, flush=True); time.sleep(99)"
    pid, reading = started(daemon, code)
    os.read(reading, 10)
    daemon.ask("signal", id="tool", grace=0.1)
    assert daemon.event("ended")["code"] == -signal.SIGKILL
    assert not alive(pid)
    os.close(reading)


def test_grandchildren_end_with_their_parent(daemon: Daemon) -> None:
    code = (
        "import os,time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"  # out of the group: only the subreaper can find it
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(600)\n"
        "time.sleep(0.1)\n"
    )
    _, reading = started(daemon, code)
    orphan = int(os.read(reading, 20))
    assert daemon.event("ended")["code"] == 0
    until(lambda: not alive(orphan), "the grandchild is gone")
    os.close(reading)


def test_a_child_over_its_memory_fails_alone(daemon: Daemon, run: Path) -> None:
    port = daemon.ask("declare", **declaration(run, "neighbour"))["unit"]["port"]
    _, reading = started(daemon, "x = bytearray(1 << 30)", limits={"memory": 128 << 20})
    assert daemon.event("ended")["code"] == 1
    assert b"MemoryError" in os.read(reading, 4096)
    assert ping(port)["type"] == "pong"
    os.close(reading)


def test_a_program_that_is_not_there_says_so(daemon: Daemon) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    reading, writing = os.pipe()
    daemon.ask("run", (null, writing, writing), id="x", token="t", argv=["/no/such"],
               env={}, cwd="/")  # fmt: skip
    os.close(null)
    os.close(writing)
    assert daemon.event("ended")["code"] == 127
    assert b"/no/such: No such file" in os.read(reading, 200)
    os.close(reading)


def test_create_and_delete_leave_nothing_behind(daemon: Daemon, run: Path) -> None:
    keeper = psutil.Process(daemon.pid)
    for cycle in range(60):
        port = daemon.ask("declare", **declaration(run, "cycle"))["unit"]["port"]
        if cycle % 3 == 0:
            ping(port)
        daemon.ask("drop", name="ProjectCI/cycle")
        if cycle == 5:
            until(lambda: len(daemon.ask("table")["children"]) == 1, "only the zygote is left")
            before = keeper.num_fds()
    until(lambda: len(daemon.ask("table")["children"]) == 1, "only the zygote is left")
    assert keeper.num_fds() <= before


def test_random_kills_leave_exactly_what_was_declared(run: Path) -> None:
    """Small rounds of the kill loop; `make bench-kill` runs a thousand."""
    names = [f"p{number}" for number in range(8)]
    for round_ in range(6):
        begin(run)
        link = Daemon(run)
        ports = {
            name: link.ask("declare", **declaration(run, name))["unit"]["port"] for name in names
        }
        for name in names[: round_ + 2]:
            ping(ports[name])
        pids = [child["pid"] for child in link.ask("table")["children"]]
        if round_ % 2:
            os.kill(link.pid, signal.SIGKILL)
            until(lambda p=pids: not any(alive(pid) for pid in p), "children died with it")  # type: ignore[misc]
        else:
            for pid in pids[1::2]:
                os.kill(pid, signal.SIGKILL)
            link.close()
            link = Daemon(run)
            for name in names:
                assert ping(ports[name])["type"] == "pong"
        link.close()
