"""Figures: medians with their spread, and ratios to a peer measured in the same run."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: samples in seconds."""

    name: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def p95(self) -> float:
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]

    def line(self) -> str:
        """One row for the table: median, spread and N."""
        return (
            f"  {self.name:<52} median {self.median * 1e3:>9.1f} ms   "
            f"[{min(self.samples) * 1e3:.1f} .. {max(self.samples) * 1e3:.1f}]   "
            f"p95 {self.p95 * 1e3:.1f}   N={len(self.samples)}"
        )


def timed(name: str, do: Callable[[], object], *, runs: int) -> Figure:
    """Call `do` `runs` times after one warm-up."""
    do()
    samples = []
    for _ in range(runs):
        start = time.perf_counter()
        do()
        samples.append(time.perf_counter() - start)
    return Figure(name, tuple(samples))


def paired(
    ours: tuple[str, Callable[[], object]], peer: tuple[str, Callable[[], object]], *, runs: int
) -> tuple[Figure, Figure]:
    """Measure two in turn, A B A B, so that a drifting machine moves both."""
    ours[1]()
    peer[1]()
    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for index, do in enumerate((ours[1], peer[1])):
            start = time.perf_counter()
            do()
            samples[index].append(time.perf_counter() - start)
    return Figure(ours[0], tuple(samples[0])), Figure(peer[0], tuple(samples[1]))


def ran(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    accept: frozenset[int] = frozenset({0}),
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end; a bench that measures a failure measures nothing, so that raises."""
    done = subprocess.run(list(argv), cwd=cwd, env=env, capture_output=True, check=False)
    if done.returncode not in accept:
        raise RuntimeError(f"{argv} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    return done
