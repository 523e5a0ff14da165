"""`python -m tests.bench.ask`: what p42 adds to a call, beside the vendor's own SDK.

    first word     through daemon and control socket, and the SDK alone; A B A B
    whole call     metered; the same path with a meter that keeps nothing; the provider alone; and
                   the one commit that is waited for, bare; A B C D A B C D
    a second       calls at once: the SDK alone, metered over the SDK, and metered over nothing

The vendor is a stub in a process of its own that answers at once. A bill is on disk after its
answer was told: how long after is shown, and not counted in what the next one takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

from p42.ai.meter.limits import Limits
from p42.ai.meter.meter import Meter, Reservation, Settled
from p42.client import link
from p42.model.completion import Message, Piece, Prompt, Reply, Text, Usage
from p42.stores.meter.rows import Reserved
from tests.ai.scene import KEY, scene
from tests.bench.measure import Figure, paired
from tests.bench.meter import bare
from tests.bench.stub import stub
from tests.doors.daemons import running

SPEC = {
    "provider": "anthropic", "key": "env:KEY", "models": ["m-1"], "default": True,
    "prices": {"m-1": {"input": 3.0, "output": 15.0}},
}  # fmt: skip
PROMPT = Prompt("m-1", (Message("user", "hi"),), max_tokens=100)
TOGETHER = 64  # calls under way at once


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ask")
    parser.add_argument("--runs", type=int, default=200)
    words = parser.parse_args()
    with stub() as url, tempfile.TemporaryDirectory(prefix="p42-ask-") as name:
        print("first word:")
        _first_word(url, Path(name) / "daemon", words.runs)
        print("whole call:")
        asyncio.run(_whole_call(url, Path(name) / "whole", words.runs))
        print("a second:")
        asyncio.run(_a_second(url, Path(name) / "second", words.runs))


def _first_word(url: str, home: Path, runs: int) -> None:
    import anthropic

    client = anthropic.Anthropic(api_key=KEY, base_url=url, max_retries=0)
    with running(home, KEY=KEY, P42_HTTP_PORT="0") as daemon:
        manifest = {
            "apiVersion": "p42.dev/v1", "kind": "Account", "metadata": {"name": "main"},
            "spec": {**SPEC, "baseUrl": url},
        }  # fmt: skip
        (home.parent / "account.json").write_text(json.dumps(manifest) + "\n")
        daemon.ask("apply", paths=[str(home.parent / "account.json")])

        def through_p42() -> None:
            lines: Any = link.stream(str(home), "ask", {"question": "hi"})
            next(lines)
            lines.close()

        def direct() -> None:
            with client.messages.stream(
                model="m-1", max_tokens=100, messages=[{"role": "user", "content": "hi"}]
            ) as stream:
                next(iter(stream.text_stream))

        ours, peer = paired(("through p42", through_p42), ("the SDK alone", direct), runs=runs)
    _compare(ours, peer)


async def _whole_call(url: str, home: Path, runs: int) -> None:
    spec = {**SPEC, "baseUrl": url}
    async with (
        scene(home / "metered", main=spec) as there,
        scene(home / "not", meters=Forgetful, main=spec) as other,
    ):
        plain = _plain(other.opened, await other.ask())
        with closing(bare(home / "bare.db")) as peer:
            ours, not_, sdk, commit, later = await _in_turn(
                there.ask, other.ask, plain, lambda: committed(peer), there.meter.flush, runs=runs
            )
    for name, samples in (
        ("metered", ours), ("the same path, a meter that keeps nothing", not_),
        ("the same provider alone", sdk), ("one bare commit", commit),
        ("told until its bill is on disk", later),
    ):  # fmt: skip
        print(Figure(name, samples).line())
    _added("the meter adds", ours, not_)
    _added("p42 adds, meter and all", ours, sdk)


class Forgetful(Meter):
    """It says yes to everything, and keeps nothing."""

    async def reserve(self, **call: Any) -> Reservation:
        row = Reserved(call["request"], 0, "", "", "", 0, 0, 0)
        return Reservation(row, Limits())

    def settle(self, reservation: Reservation, **_: Any) -> Settled:
        return Settled(0, asyncio.get_running_loop().create_future())


def _plain(opened: list[Any], _: object) -> Callable[[], Awaitable[None]]:
    """The account's provider, asked by nobody but itself."""
    provider = opened[-1]

    async def plain() -> None:
        async with aclosing(provider.stream(PROMPT)) as pieces:
            async for _ in pieces:
                pass

    return plain


async def committed(peer: sqlite3.Connection) -> None:
    """A row of the size of a reservation, on disk."""
    peer.execute("INSERT INTO calls (text) VALUES (?)", ("x" * 200,))


async def _a_second(url: str, home: Path, runs: int) -> None:
    async with scene(home / "sdk", main={**SPEC, "baseUrl": url}) as there:
        plain = _plain(there.opened, await there.ask())
        print(f"  {'the SDK alone':<52} {await _rate(plain, runs * 5):>9,.0f} calls/s")
        print(f"  {'metered, over the SDK':<52} {await _rate(there.ask, runs * 5):>9,.0f} calls/s")
    async with scene(home / "none", opens=lambda *_, **__: _Nobody(), main=SPEC) as there:
        rate = await _rate(there.ask, runs * 50)
        print(f"  {'metered, over a vendor that takes no time':<52} {rate:>9,.0f} calls/s")


class _Nobody:
    """A vendor without a wire."""

    def most_input(self, prompt: Prompt) -> int:
        return 100

    async def stream(self, prompt: Prompt) -> AsyncIterator[Piece]:
        await asyncio.sleep(0)
        yield Text("one two three")
        yield Reply("one two three", Usage(10, 5), prompt.model)

    async def check(self) -> None:
        """It takes every key."""

    async def close(self) -> None:
        """Nothing is open."""


async def _in_turn(*does: Callable[[], Awaitable[Any]], runs: int) -> list[tuple[float, ...]]:
    """Seconds that each took, in turn. The last is done right after the first, outside its time."""
    *timed, after = does
    samples: list[list[float]] = [[] for _ in does]
    for _ in range(runs):
        for index, do in enumerate(timed):
            samples[index].append(await _timed(do))
            if index == 0:
                samples[-1].append(await _timed(after))
    return [tuple(each) for each in samples]


async def _timed(do: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await do()
    return time.perf_counter() - began


async def _rate(do: Callable[[], Awaitable[Any]], calls: int) -> float:
    """Calls a second, TOGETHER at once."""
    left = iter(range(calls))

    async def work() -> None:
        for _ in left:
            await do()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(TOGETHER):
            group.create_task(work())
    return calls / (time.perf_counter() - began)


def _compare(ours: Figure, peer: Figure) -> None:
    print(ours.line())
    print(peer.line())
    _added("through p42", ours.samples, peer.samples)


def _added(what: str, ours: tuple[float, ...], peer: tuple[float, ...]) -> None:
    added = statistics.median(a - b for a, b in zip(ours, peer, strict=True))
    print(f"  -> {what}: {added * 1e3:+.2f} ms (median of the pairs)")


if __name__ == "__main__":
    main()
