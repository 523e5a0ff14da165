"""`python -m tests.bench.gateway`: small requests over the TCP gateway of a real daemon.

16 connections from a process of their own, each with DEPTH requests on their way: requests a
second,
and how long one takes from its sending to its reply.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import selectors
import socket
import tempfile
import time
from pathlib import Path

import psutil

from tests.bench.measure import Figure
from tests.doors.daemons import running

CONNECTIONS, DEPTH = 16, 8
REQUEST = b'{"type":"ping","id":"p"}\n'


def load(port: int, seconds: float, out: multiprocessing.Queue[list[float]]) -> None:
    """Ask until the time is over; every latency in seconds."""
    doors = {socket.create_connection(("127.0.0.1", port)): [] for _ in range(CONNECTIONS)}
    took: list[float] = []
    with selectors.DefaultSelector() as ready:
        for door, sent in doors.items():
            door.setblocking(False)
            ready.register(door, selectors.EVENT_READ)
            door.sendall(REQUEST * DEPTH)
            sent.extend([time.perf_counter()] * DEPTH)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for key, _ in ready.select(1):
                door: socket.socket = key.fileobj  # type: ignore[assignment]
                now, count = time.perf_counter(), door.recv(65536).count(b"\n")
                sent = doors[door]
                took += [now - each for each in sent[:count]]
                del sent[:count]
                door.sendall(REQUEST * count)
                sent.extend([now] * count)
    for door in doors:
        door.close()
    out.put(took)


def main() -> None:
    """Several runs against one daemon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, running(Path(home)) as daemon:
        rates, latencies = [], list[float]()
        daemon_process = psutil.Process(daemon.process.pid)
        spent = sum(daemon_process.cpu_times()[:2])
        for _ in range(given.runs):
            out: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
            client = multiprocessing.Process(target=load, args=(daemon.port, given.seconds, out))
            client.start()
            took = out.get()
            client.join()
            rates.append(len(took) / given.seconds)
            latencies += took
        latencies.sort()
        spent = sum(daemon_process.cpu_times()[:2]) - spent
        print(f"  daemon's CPU a request {spent / len(latencies) * 1e6:.1f} us")
        print(f"  gateway, {CONNECTIONS} connections x {DEPTH} on their way, N={given.runs} runs")
        print(f"  requests a second   median {sorted(rates)[len(rates) // 2]:,.0f}"
              f"   [{min(rates):,.0f} .. {max(rates):,.0f}]")  # fmt: skip
        p99 = latencies[int(len(latencies) * 0.99)]
        print(Figure("one request", tuple(latencies[:: max(1, len(latencies) // 10_000)])).line())
        print(f"  p99 {p99 * 1000:.2f} ms of {len(latencies):,} requests")
        print(json.dumps({"median": sorted(rates)[len(rates) // 2], "p99Ms": p99 * 1000}))


if __name__ == "__main__":
    main()
