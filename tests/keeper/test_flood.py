"""A child that does everything wrong at once, at full speed, and neighbours that notice nothing.

`P42_TEST_FLOOD=10` lets it rage for so many seconds.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from p42.keeper.logs import KEPT, RATE, SIZE
from tests.keeper.conftest import Client, Daemon, alive, declaration, ping, until

SECONDS = float(os.environ.get("P42_TEST_FLOOD", "1.5"))
LATE = 0.1  # s; a ping takes 0.1 ms, and 5 ms behind processes that want both cores for themselves
SLACK = 16 * 2**20  # bytes the keeper may grow by: a pipe is read in pieces of 64 KiB
LIMITS = {"memory": 128 << 20, "files": 64}  # no `nice`: it may have all the processor it gets
# Deaf to SIGTERM, with two children (one in a session of its own) and all three flooding the log;
# memory is asked for without end.
BEAST = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
place = sys.argv[1]
if os.fork() == 0:
    os.setsid()
elif os.fork() == 0:
    pass
open(f"{place}/beast-{os.getpid()}", "w").close()
block, eaten, written = b"x" * 65535 + b"\\n", [], 0
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    for _ in range(200):
        written += os.write(1, block)
    try:
        eaten.append(bytearray(32 << 20))
    except MemoryError:
        eaten = eaten[:1]
with open(f"{place}/beast-{os.getpid()}", "w") as told:
    told.write(str(written))
while True:  # and now it hangs
    time.sleep(600)
"""


@pytest.fixture
def beasts(daemon: Daemon, run: Path) -> Iterator[list[Path]]:
    """Three processes that rage; a file for each, which says how much it wrote when it is done."""
    port = daemon.ask("declare", **declaration(run, "loud"))["unit"]["port"]
    ping(port)
    # What the companion `loud` has as its standard output: the keeper's own pipe into its log.
    pipe = os.open(f"/proc/{daemon.unit('ProjectCI/loud')['pid']}/fd/1", os.O_WRONLY)
    null = os.open(os.devnull, os.O_RDWR)
    daemon.ask(
        "run", (null, pipe, pipe), id="beast", token="t", env={"PATH": os.defpath}, cwd="/",
        argv=[sys.executable, "-c", BEAST, str(run), str(SECONDS)], limits=LIMITS,
    )  # fmt: skip
    os.close(null)
    os.close(pipe)
    until(lambda: len(list(run.glob("beast-*"))) == 3, "all three rage")
    found = list(run.glob("beast-*"))
    yield found
    for path in found:  # with the keeper of a test goes only its own child
        with suppress(ProcessLookupError):
            os.kill(int(path.name.partition("-")[2]), signal.SIGKILL)


def test_a_child_that_floods_forks_eats_and_hangs_is_contained(
    daemon: Daemon, run: Path, beasts: list[Path]
) -> None:
    keeper = psutil.Process(daemon.pid)
    before = keeper.memory_info().rss
    neighbour = daemon.ask("declare", **declaration(run, "quiet"))["unit"]["port"]
    client = Client(neighbour)
    took = []
    while not all(path.read_text() for path in beasts):
        began = time.perf_counter()
        assert client.say({"type": "ping"})["type"] == "pong"
        took.append(time.perf_counter() - began)
        assert ping(neighbour)["type"] == "pong"  # and a new connection
    client.close()
    p99 = sorted(took)[int(len(took) * 0.99)]
    flood = sum(int(path.read_text()) for path in beasts)
    print(f"\n{flood / SECONDS / 1e9:.2f} GB/s offered, {len(took)} pings, p99 {p99 * 1e3:.1f} ms")
    assert p99 < LATE
    assert flood > 2 * RATE  # it was one
    logged = sum(path.stat().st_size for path in run.glob("loud.log*"))
    assert logged <= (KEPT + 1) * SIZE + RATE
    assert any(b"is dropped" in path.read_bytes() for path in run.glob("loud.log*"))
    assert keeper.memory_info().rss < before + SLACK


def test_all_of_it_ends_although_it_is_deaf(daemon: Daemon, beasts: list[Path]) -> None:
    pids = [int(path.name.partition("-")[2]) for path in beasts]
    assert all(alive(pid) for pid in pids)
    daemon.ask("signal", id="beast", grace=0.1)
    assert daemon.event("ended")["code"] == -signal.SIGKILL
    until(lambda: not any(alive(pid) for pid in pids), "its children are gone as well")


def test_a_companion_that_hangs_harms_nobody_else(daemon: Daemon, run: Path) -> None:
    ports = [
        daemon.ask("declare", **declaration(run, name))["unit"]["port"] for name in ("hung", "well")
    ]
    for port in ports:
        ping(port)
    hung = daemon.unit("ProjectCI/hung")["pid"]
    os.kill(hung, signal.SIGSTOP)
    assert ping(ports[1])["type"] == "pong"
    assert daemon.unit("ProjectCI/hung")["pid"] == hung
    daemon.ask("drop", name="ProjectCI/hung")
    until(lambda: not alive(hung), "it is gone")
    assert ping(ports[1])["type"] == "pong"
