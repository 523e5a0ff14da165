"""`python -m tests.bench.hostile [--small]`: good clients beside a thousand that mean no good.

For the gateway and for a project's socket: 16 good clients ask every 10 ms: alone, while the crowd
is at another p42 (the machine is as busy), and while it is at the same door, in turn; p50, p99 and
longest of each, what the server's memory was and became, and whether anything that a web page
posted was done. Good, bad and servers are processes of their own. What the first seconds are like,
while a thousand connect at once, stands in a row of its own; the others last longer than the
deadlines, so that they see hundreds thrown out and come again at once.

Three busy processes share two cores, and whom the kernel lets wait is not p42's doing. So there are
two rows more: server and good clients on one core, without a crowd and beside one that has another
core to itself.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import selectors
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import psutil

from tests.bench.crowd import EVIL, Crowd
from tests.doors.daemons import Daemon, running

GOOD, EVERY = 16, 0.01  # connections, and s between two requests of each
ASK = b'{"type":"ping","id":"p"}\n'  # both protocols have it
MIB = 1 << 20
SETTLED = (
    2.0  # s in which a thousand have come, and those that never read have filled what they can
)
ROWS = {"alone": "alone", "elsewhere": "the crowd is elsewhere", "coming": "while the crowd comes",
        "beside": "beside the crowd"}  # fmt: skip
PINNED = {"pinned": "alone, pinned", "apart": "the crowd on another core"}
FORKING = multiprocessing.get_context("spawn")


def ask_for(
    port: int, seconds: float, out: multiprocessing.Queue[list[float]], cores: set[int] | None
) -> None:
    """Every latency in seconds; a good client that is thrown out would end the bench."""
    apart_from_others(cores)
    doors = [socket.create_connection(("127.0.0.1", port)) for _ in range(GOOD)]
    sent, took = dict.fromkeys(doors, 0.0), list[float]()
    due = {door: time.perf_counter() + n * EVERY / GOOD for n, door in enumerate(doors)}
    end = time.perf_counter() + seconds
    with selectors.DefaultSelector() as ready:
        for door in doors:
            ready.register(door, selectors.EVENT_READ)
        while (now := time.perf_counter()) < end:
            for door in [door for door, when in due.items() if when <= now and not sent[door]]:
                sent[door] = time.perf_counter()
                door.sendall(ASK)
            for key, _ in ready.select(0.001):
                came: socket.socket = key.fileobj  # type: ignore[assignment]
                if not came.recv(65536):
                    raise SystemExit("a good client was thrown out")
                took.append(time.perf_counter() - sent[came])
                sent[came], due[came] = 0.0, time.perf_counter() + EVERY
    out.put(took)


def pin(pid: int, cores: set[int] | None) -> None:
    """The process (0 = this one) with all its threads, to `cores`; None: no effect."""
    for thread in Path(f"/proc/{pid or 'self'}/task").iterdir() if cores else ():
        os.sched_setaffinity(int(thread.name), cores or ())


def apart_from_others(cores: set[int] | None) -> None:
    """This process, to `cores`, in a session of its own: Linux shares processors out by sessions
    (sched(7), autogroup), and in one with the crowd good clients would pay for it."""
    os.setsid()
    pin(0, cores)


def cores() -> set[int]:
    """Those that we may use; empty where the system does not tell."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def crowd_of(
    port: int,
    count: int,
    there: Event,
    over: Event,
    did: multiprocessing.Queue[str],
    cores: set[int] | None,
) -> None:
    """The crowd, until `over`; `there` once it has all come, and what it did once it is over."""
    apart_from_others(cores)

    crowd = Crowd(port, count)

    def looks() -> bool:
        if sum(crowd.comings.values()) >= count * 0.95:
            there.set()
        return over.is_set()

    crowd.run(looks)
    did.put(crowd.told())


@contextmanager
def beside(port: int, count: int, cores: set[int] | None = None) -> Iterator[list[str]]:
    """Within the block the crowd is there; behind it, in the list, what it did."""
    there, over, told = FORKING.Event(), FORKING.Event(), list[str]()
    did: multiprocessing.Queue[str] = FORKING.Queue()
    crowd = FORKING.Process(target=crowd_of, args=(port, count, there, over, did, cores))
    crowd.start()
    try:
        there.wait(60)
        yield told
    finally:
        over.set()
        told.append(did.get(timeout=10))
        crowd.join(10)
        crowd.kill()


def good(port: int, seconds: float, cores: set[int] | None = None) -> list[float]:
    """What good clients saw, sorted."""
    out: multiprocessing.Queue[list[float]] = FORKING.Queue()
    client = FORKING.Process(target=ask_for, args=(port, seconds, out, cores))
    client.start()
    took = out.get(timeout=seconds + 60)
    client.join()
    return sorted(took)


def measure(
    name: str, port: int, pid: int, elsewhere: int, *, count: int, runs: int, seconds: float
) -> dict[str, float]:
    """A table of one door. `elsewhere`: the same door of another p42."""
    server = psutil.Process(pid)
    good(port, 0.5)
    before, most = server.memory_info().rss, 0
    words = {**ROWS, **PINNED} if len(cores()) > 1 else ROWS
    rows: dict[str, list[list[float]]] = {word: [] for word in words}
    for _ in range(runs):
        rows["alone"].append(good(port, seconds))
        with beside(elsewhere, count):
            time.sleep(SETTLED)
            rows["elsewhere"].append(good(port, seconds))
        with beside(port, count) as did:
            rows["coming"].append(good(port, SETTLED))
            rows["beside"].append(good(port, seconds))
            most = max(most, server.memory_info().rss)
        if "apart" in words:
            apart(rows, port, pid, count=count, seconds=seconds)
    after = server.memory_info().rss
    print(f"  {name}: {GOOD} good clients, {count} bad, N={runs} runs of {seconds:g} s")
    told = {word: told_of(word, each) for word, each in rows.items()}
    print(f"    p99 beside: {told['beside'] / told['alone']:.2f} times that alone, "
          f"{told['beside'] / told['elsewhere']:.2f} times that on a machine as busy")  # fmt: skip
    print(f"    the crowd: {did[0]}")
    if "apart" in told:
        print(f"    on a core of its own: {told['apart'] / told['pinned']:.2f} times that alone")
    print(
        f"    RSS {before / MIB:.0f} MiB before, {most / MIB:.0f} at most, {after / MIB:.0f} after"
    )
    return {**told, "grownMiB": (max(most, after) - before) / MIB}


def apart(
    rows: dict[str, list[list[float]]], port: int, pid: int, *, count: int, seconds: float
) -> None:
    """The two rows with cores given out: the first to the door, the others to the crowd."""
    first, *others = sorted(cores())
    pin(pid, {first})
    try:
        rows["pinned"].append(good(port, seconds, {first}))
        with beside(port, count, set(others)):
            time.sleep(SETTLED)
            rows["apart"].append(good(port, seconds, {first}))
    finally:
        pin(pid, cores())


def told_of(word: str, runs: list[list[float]]) -> float:
    """A row of the table; the median p99 in ms."""
    p50 = statistics.median(at(run, 0.5) for run in runs) * 1e3
    p99 = [at(run, 0.99) * 1e3 for run in runs]
    name, middle, longest = (ROWS | PINNED)[word], statistics.median(p99), max(map(max, runs)) * 1e3
    print(f"    {name:<25} p50 {p50:5.2f} ms   p99 {middle:5.2f} ms"
          f"   [{min(p99):.2f} .. {max(p99):.2f}]   longest {longest:.1f} ms")  # fmt: skip
    return middle


def at(ordered: list[float], share: float) -> float:
    """A quantile."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def project(daemon: Daemon) -> tuple[int, int]:
    """Port and pid of a project's companion."""
    body = {"apiVersion": "p42.dev/v1", "kind": "ProjectCI", "metadata": {"name": "garden"},
            "spec": {"project": "garden", "activation": "always"}}  # fmt: skip
    path = daemon.home.parent / "garden.yaml"
    path.write_text(json.dumps(body))
    daemon.ask("apply", paths=[str(path)], timeout=30.0)
    end = time.monotonic() + 30
    while not (rows := [row for row in daemon.ask("top")["items"] if row["pid"]]):
        if time.monotonic() > end:
            raise SystemExit("the companion did not start")
        time.sleep(0.05)
    return rows[0]["port"], rows[0]["pid"]


def main() -> None:
    """Both doors of one daemon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a hundred bad ones, for a moment")
    small = parser.parse_args().small
    size = {"count": 100, "runs": 1, "seconds": 1.0} if small else {
        "count": 1000, "runs": 3, "seconds": 12.0}  # fmt: skip
    told: dict[str, dict[str, float]] = {}
    with (
        tempfile.TemporaryDirectory() as root,
        running(Path(root) / "a" / "home") as daemon,
        running(Path(root) / "b" / "home") as other,
    ):
        doors: list[tuple[str, Callable[[Daemon], tuple[int, int]]]] = [
            ("gateway", lambda each: (each.port, each.process.pid)),
            ("project socket", project),
        ]
        for name, where in doors:
            (port, pid), (elsewhere, _) = where(daemon), where(other)
            told[name] = measure(name, port, pid, elsewhere, **size)  # type: ignore[arg-type]
        sessions = [each["id"] for each in daemon.ask("session.list")["items"]]
        print(f"  conversations begun by a page's POST: {sessions.count(EVIL)}")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
