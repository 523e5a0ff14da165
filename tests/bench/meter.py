"""`python -m tests.bench.meter`: what metering a call takes, through a real state.db.

Alone: so many callers at once reserve and settle, over and over, as fast as it goes; beside it the
processor time, which other programs on the machine do not change. Added: one caller, nothing else
under way: what each call waits for the meter, which is until its reservation is on disk; in turn
with its peer, a bare commit of a row in SQLite. The bill is written before the next call, untimed.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from p42.ai.meter.meter import Meter
from p42.model.completion import Usage
from p42.model.money import Price
from p42.runtimes.clock import SystemClock
from p42.stores.keys.redaction import Redactor
from p42.stores.meter.book import MeterBook
from p42.stores.state.database import Database
from tests.bench.measure import Figure

BUDGET = {"budget": {"monthlyUsd": 1e6, "warnAt": [0.5, 0.8], "hard": True}}
LIMITED = {**BUDGET, "rateLimit": {"requests": 10**8, "tokens": 10**12, "per": "1h"}}
PRICE = Price(3_000_000, 15_000_000, 300_000, 3_750_000)
USED = Usage(900, 200, cached=100)


async def call(meter: Meter, request: str, spec: dict[str, Any], *, waits: bool = True) -> None:
    """One call that takes no time. `waits`: until its bill is on disk, as no caller does."""
    reservation = await meter.reserve(
        request=request, account="bench", spec=spec, agent="agent/muse", model="some-model",
        tokens_in=1000, tokens_out=1024, price=PRICE,
    )  # fmt: skip
    settled = meter.settle(
        reservation, usage=USED, price=PRICE, outcome="ok", vendor_id=f"req_{request}", latency=1.5
    )
    if waits:
        await settled.written


async def alone(
    home: Path, spec: dict[str, Any], *, callers: int, calls: int
) -> tuple[float, float]:
    """Seconds, and seconds of processor time, for `calls` calls by so many callers at once."""
    with Database.open(home) as database:
        meter = Meter(MeterBook(database), clock=SystemClock(), clean=Redactor().clean)

        async def caller(number: int) -> None:
            for count in range(calls // callers):
                await call(meter, f"{number}-{count}", spec)

        begun, used = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for number in range(callers):
                group.create_task(caller(number))
        return time.perf_counter() - begun, time.process_time() - used


async def added(home: Path, spec: dict[str, Any], *, calls: int) -> tuple[Figure, Figure]:
    """One call after the other, each followed by a bare commit."""
    ours, bares = [], []
    with Database.open(home) as database, closing(bare(home / "bare.db")) as peer:
        meter = Meter(MeterBook(database), clock=SystemClock(), clean=Redactor().clean)
        for number in range(calls):
            begun = time.perf_counter()
            await call(meter, str(number), spec, waits=False)
            ours.append(time.perf_counter() - begun)
            await meter.flush()
            begun = time.perf_counter()
            peer.execute("INSERT INTO calls (text) VALUES (?)", ("x" * 200,))
            bares.append(time.perf_counter() - begun)
    return Figure("added to a call", tuple(ours)), Figure("a bare commit", tuple(bares))


def bare(path: Path) -> sqlite3.Connection:
    """A database as state.db is, with nothing of p42's in it."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, text TEXT)")
    return db


def measure(*, runs: int, calls: int, callers: int) -> None:
    """All of it."""
    for what, spec in (("hard budget", BUDGET), ("hard budget and rate limit", LIMITED)):
        spent = [
            _in_a_home(lambda home, s=spec: alone(home, s, callers=callers, calls=calls))
            for _ in range(runs)
        ]
        print(f"  {what}, {callers} callers at once: reserve and settle")
        for name, place in (("a second", 0), ("a second of one processor", 1)):
            rates = [calls / each[place] for each in spent]
            print(
                f"    median {statistics.median(rates):>9,.0f} {name}   "
                f"[{min(rates):,.0f} .. {max(rates):,.0f}]   N={runs} runs of {calls:,}"
            )
        ours, bare = _in_a_home(lambda home, s=spec: added(home, s, calls=1000))
        print(ours.line())
        print(bare.line())
        print(f"  -> {(ours.median - bare.median) * 1e3:+.2f} ms beside what the disk takes")


def _in_a_home(do: Any) -> Any:
    """On a real disk: `/tmp` is often in memory."""
    Path(".bench").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="meter-", dir=".bench") as name:
        return asyncio.run(do(Path(name) / "home"))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.meter")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--callers", type=int, default=1000)
    words = parser.parse_args()
    measure(runs=words.runs, calls=words.calls, callers=words.callers)


if __name__ == "__main__":
    main()
