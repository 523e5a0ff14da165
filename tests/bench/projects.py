"""`python -m tests.bench.projects [--small]`: project CIs: a thousand asleep, many awake, a peer.

The peer is supervisord (pip install supervisor) with a hundred of the same companion, each started
as a program of its own, since that is how it starts things.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from tests.bench.home import Home, fresh_home
from tests.bench.measure import Figure

PATIENCE = 120.0  # s; what takes longer is broken, not slow
MIB = 2**20
SUPERVISORD = Path(sys.executable).parent / "supervisord"
CONTROLLER = Path(__file__).parents[2] / "controller"
ALONE = """
import os, socket, sys
sys.path.insert(0, sys.argv[2])
from p42.runtimes.companion.companion import main
door = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
door.setblocking(False)
ours, theirs = socket.socketpair()
name = "p" + sys.argv[1]
main({"name": name, "project": name, "aiId": name, "token": "", "broker": "", "idle": 0}, ours,
     [door.detach()])
"""


def main() -> None:
    """All figures of the table in issue 4."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.projects")
    parser.add_argument("--small", action="store_true", help="a tenth of everything")
    small = parser.parse_args().small
    asleep(100 if small else 1000, awake=50 if small else 500)
    always(10 if small else 100)


def asleep(count: int, *, awake: int) -> None:
    """Declare them, wake some, talk."""
    with fresh_home() as home:
        plain = _apply(home, [_tasks(f"tasks{number}") for number in range(count)], "plain")
        before = _memory(home)
        names = [f"p{number}" for number in range(count)]
        took = _apply(home, [_project(name) for name in names], "projects")
        ports = _ports(home)
        began = time.perf_counter()
        _all_listen(ports.values())
        took += time.perf_counter() - began
        print(
            f"  {count} on-demand CIs, apply to all ports listening {took:.2f} s;"
            f" {count} task lists {plain:.2f} s; beyond the plain apply {took - plain:.2f} s"
        )
        extra = (_memory(home) - before) / MIB
        print(f"  extra memory of {count} asleep (daemon, keeper, zygote) {extra:.1f} MiB")
        cold = [_first_byte(ports[name]) for name in names[:awake]]
        print(_line("first byte on a cold socket", cold))
        children = _companions(home)
        pss = sum(psutil.Process(pid).memory_full_info().pss for pid in children) / MIB
        print(f"  {len(children)} awake: {pss:.0f} MiB PSS in all, {pss / len(children):.2f} each")
        print(_line("warm ping round trip", _warm(ports[names[0]], 2000)))


def always(count: int) -> None:
    """So many that always run: from the start of the manager to the last one answering."""
    with fresh_home() as home:
        began = time.perf_counter()
        _apply(home, [_project(f"a{number}", "always") for number in range(count)], "always")
        ports = _ports(home)
        _all_answer(ports.values())
        ours = time.perf_counter() - began
    print(f"  {count} always, apply to all answering a ping {ours:.2f} s")
    if not SUPERVISORD.exists():
        print("  (supervisord is not installed: pip install -e .[bench])")
        return
    theirs = _supervised(count)
    print(
        f"  {count} under supervisord, start to all answering {theirs:.2f} s"
        f"  -> {theirs / ours:.1f} times faster"
    )


def _supervised(count: int) -> float:
    root = Path(tempfile.mkdtemp(prefix="p42-bench-"))
    try:
        (root / "alone.py").write_text(ALONE)
        ports = [_free_port() for _ in range(count)]
        text = f"[supervisord]\nnodaemon=true\nlogfile={root}/log\npidfile={root}/pid\n"
        text += "".join(
            f"[program:p{port}]\nstartsecs=0\n"
            f"command={sys.executable} -I -S {root}/alone.py {port} {CONTROLLER}\n"
            for port in ports
        )
        (root / "conf").write_text(text)
        began = time.perf_counter()
        manager = subprocess.Popen([SUPERVISORD, "-c", root / "conf"], stdout=subprocess.DEVNULL)
        try:
            _all_answer(ports)
            return time.perf_counter() - began
        finally:
            manager.terminate()
            manager.wait(60)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _apply(home: Home, documents: list[str], name: str) -> float:
    directory = home.manifests / name
    directory.mkdir()
    for number, text in enumerate(documents):
        (directory / f"{number}.yaml").write_text(text)
    began = time.perf_counter()
    home.p42("apply", "-f", str(directory), "--timeout", f"{PATIENCE:g}s")
    return time.perf_counter() - began


def _project(name: str, activation: str = "onDemand") -> str:
    return _document("ProjectCI", name, {"activation": activation})


def _tasks(name: str) -> str:
    return _document("Integration", name, {"type": "tasks"})


def _document(kind: str, name: str, spec: dict[str, str]) -> str:
    head = {"apiVersion": "p42.dev/v1", "kind": kind, "metadata": {"name": name}}
    return json.dumps({**head, "spec": spec}) + "\n"


def _ports(home: Home) -> dict[str, int]:
    items = json.loads(home.p42("get", "projectcis", "-o", "json"))["items"]
    ends = {item["metadata"]["name"]: item["status"]["endpoint"] for item in items}
    return {name: int(end.rpartition(":")[2]) for name, end in ends.items()}


def _all_listen(ports: Iterable[int]) -> None:
    """Seen in the kernel's table: a connect would wake them. A connect to one of them as well."""
    wanted = set(ports)
    end = time.monotonic() + PATIENCE
    while wanted - _listening():
        assert time.monotonic() < end
    socket.create_connection(("127.0.0.1", next(iter(wanted)))).close()


def _listening() -> set[int]:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return {int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A"}


def _all_answer(ports: Iterable[int]) -> None:
    end = time.monotonic() + PATIENCE
    for port in ports:
        while True:
            try:
                _first_byte(port)
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.005)


def _first_byte(port: int) -> float:
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        line.sendall(b'{"type":"ping"}\n')
        if not line.recv(4096):
            raise OSError("closed")
    return time.perf_counter() - began


def _warm(port: int, runs: int) -> list[float]:
    samples = []
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        for _ in range(runs):
            began = time.perf_counter()
            line.sendall(b'{"type":"ping"}\n')
            line.recv(4096)
            samples.append(time.perf_counter() - began)
    return samples


def _keeper(home: Home) -> psutil.Process:
    return psutil.Process(int((home.root / "home" / "run" / "keeper.lock").read_text()))


def _companions(home: Home) -> list[int]:
    return [child.pid for child in _keeper(home).children() if child.name().startswith("p42:")]


def _memory(home: Home) -> int:
    """PSS of what is there while all sleep."""
    keeper = _keeper(home)
    zygotes = [child for child in keeper.children() if child.name() == "p42-zygote"]
    processes = [psutil.Process(home.pid), keeper, *zygotes]
    return sum(process.memory_full_info().pss for process in processes)


def _line(name: str, samples: list[float]) -> str:
    ordered = sorted(samples)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{Figure(name, tuple(samples)).line()}   p99 {p99 * 1e3:.1f}   " \
           f"mean {statistics.mean(samples) * 1e3:.2f}"  # fmt: skip


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    main()
