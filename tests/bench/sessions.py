"""`python -m tests.bench.sessions`: 10,000 talks of 100 messages: resume one, search all, and
look for new files among 10,000 mirrored ones, as each start does."""

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
from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.memoryfiles import MemoryFiles, file_of
from p42.stores.sessions.memoryimport import MemoryImport
from p42.stores.sessions.sessions import SqliteSessions
from tests.bench.measure import Figure

WORDS = [f"word{number}" for number in range(5000)]
KINDS = {
    "a word in all": "every", "a word in none": "none", "two in half each": "left right",
    "a Chinese character": "的", "two that touch nowhere": "的你", "a letter": "w",
    "a beginning of 1,111 words": "word1", "a beginning of 111 words": "word12",
}  # fmt: skip


def turns(dice: random.Random, count: int, *, session: int = 0) -> list[Turn]:
    """Questions and answers of twelve words, and some that stand in many of them."""
    return [
        Turn(n, ("user", "assistant")[n % 2], text(dice, session * count + n), Instant(n))
        for n in range(count)
    ]


def text(dice: random.Random, number: int) -> str:
    """Of a message: `left` or `right`, in one of 100,000 both."""
    side = "left right" if number % 100_000 == 50_000 else ("left", "right")[number % 2]
    return f"{' '.join(dice.choices(WORDS, k=12))} every {side}{' 你的书' if number % 10 else ''}"


async def measure(home: Path, sessions: int, messages: int, runs: int) -> None:
    """Fill, then look up at random."""
    file, dice = SessionFile(home), random.Random(7)
    there = SqliteSessions(file, SystemClock())
    for number in range(sessions):
        session = Session(f"s-{number}", "muse", Instant(number), Instant(number))
        await there.put(session, turns(dice, messages, session=number))
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
        found.append(await searched(there, words))
    looked = await look(home, there, file)
    size = file.path.stat().st_size / 1e6
    print(f"  {sessions:,} sessions of {messages} messages, {size:,.0f} MB")
    figures = {"resume one": resumed, "search all": found, "look for new files": looked}
    for kind, words in KINDS.items():
        figures[f"search {kind}"] = [await searched(there, words) for _ in range(10)]
    for name, times in figures.items():
        print(Figure(name, tuple(times)).line())
    file.close()


async def searched(there: SqliteSessions, words: str) -> float:
    """Seconds."""
    start = time.perf_counter()
    await there.search(words)
    return time.perf_counter() - start


async def look(home: Path, there: SqliteSessions, file: SessionFile) -> list[float]:
    """Seconds that the import of `memory/` takes of a start, ten times."""
    files, times = MemoryFiles(file), []
    every = await there.list(archived=True, limit=1 << 40)
    for session in every:
        path = home / "memory" / "sessions" / file_of(session)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    await files.mirrored((session.id, file_of(session)) for session in every)
    for _ in range(10):
        start = time.perf_counter()
        assert await MemoryImport(home, there, files).run() == 0
        times.append(time.perf_counter() - start)
    return times


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
