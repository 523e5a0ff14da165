"""Reaction: from a save to its effect, from tampering to its repair, and what waiting costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.bench import corpus
from tests.bench.home import Home
from tests.bench.measure import Figure

PATIENCE = 10.0  # s; nothing that works takes so long
POLL = 0.0005  # s; finer than anything measured here


def saves(home: Home, paths: list[Path], *, runs: int) -> Figure:
    """Save one of the declared manifests; wait until the forged command holds the new word."""
    samples = []
    for run in range(runs):
        path = paths[(run * 37) % len(paths)]
        word = f"saved{run}x{time.monotonic_ns()}"
        target = home.commands / path.stem
        start = time.perf_counter()
        path.write_text(corpus.command(path.stem, word=word))
        _until(lambda t=target, w=word: w.encode() in _read(t))  # type: ignore[misc]
        samples.append(time.perf_counter() - start)
        time.sleep(0.05)
    return Figure(f"save to effect on disk, {len(paths)} declared", tuple(samples))


def repairs(home: Home, paths: list[Path], *, runs: int) -> Figure:
    """Overwrite or delete a forged command, in turn; wait until it is whole again."""
    samples = []
    for run in range(runs):
        target = home.commands / paths[(run * 53) % len(paths)].stem
        good = target.read_bytes()
        start = time.perf_counter()
        if run % 2:
            target.unlink()
        else:
            target.write_bytes(b"tampered\n")
        _until(lambda t=target, g=good: _read(t) == g)  # type: ignore[misc]
        samples.append(time.perf_counter() - start)
        time.sleep(0.05)
    return Figure(f"tampered or deleted command restored, {len(paths)} declared", tuple(samples))


def idle(home: Home, *, seconds: float, after: float = 0.0) -> tuple[float, float]:
    """CPU share of one core (0..1) and resident MiB of the daemon while nothing happens.

    Measured for `seconds`, beginning in `after` seconds.
    """
    time.sleep(after)
    process = psutil.Process(home.pid)
    before = process.cpu_times()
    start = time.perf_counter()
    time.sleep(seconds)
    after = process.cpu_times()
    spent = (after.user + after.system) - (before.user + before.system)
    return spent / (time.perf_counter() - start), process.memory_info().rss / 2**20


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _until(true: Callable[[], bool]) -> None:
    limit = time.perf_counter() + PATIENCE
    while not true():
        if time.perf_counter() > limit:
            raise TimeoutError("no effect")
        time.sleep(POLL)
