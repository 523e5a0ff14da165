"""`python -m tests.bench.sessions`: 10,000 talks of 100 messages: resume one, search all."""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path

from p42.model.plan import Instant
from p42.model.session import Session, Turn
from p42.runtimes.clock import SystemClock
from p42.stores.sessionfile import SessionFile
from p42.stores.sessions import SqliteSessions
from tests.bench.measure import Figure

WORDS = [f"word{number}" for number in range(5000)]


def turns(dice: random.Random, count: int) -> list[Turn]:
    """Questions and answers of twelve words."""
    return [
        Turn(n, ("user", "assistant")[n % 2], " ".join(dice.choices(WORDS, k=12)), Instant(n))  # type: ignore[arg-type]
        for n in range(count)
    ]


async def measure(home: Path, sessions: int, messages: int, runs: int) -> None:
    """Fill, then look up at random."""
    file, dice = SessionFile(home), random.Random(7)
    there = SqliteSessions(file, SystemClock())
    for number in range(sessions):
        session = Session(f"s-{number}", "muse", Instant(number), Instant(number))
        await there.put(session, turns(dice, messages))
    resumed, found = [], []
    for _ in range(runs):
        name = f"s-{dice.randrange(sessions)}"
        start = time.perf_counter()
        await there.begin(name, "muse")
        got = await there.turns(name)
        resumed.append(time.perf_counter() - start)
        assert len(got) == messages
    for _ in range(runs):
        words = " ".join(dice.sample(WORDS, 2))
        start = time.perf_counter()
        await there.search(words)
        found.append(time.perf_counter() - start)
    size = file.path.stat().st_size / 1e6
    print(f"  {sessions:,} sessions of {messages} messages, {size:,.0f} MB")
    for figure in (Figure("resume one", tuple(resumed)), Figure("search all", tuple(found))):
        print(figure.line())
    file.close()


def main() -> None:
    """Once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(measure(Path(home), given.sessions, given.messages, given.runs))


if __name__ == "__main__":
    main()
