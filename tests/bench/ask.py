"""`python -m tests.bench.ask`: what p42 adds to a call, beside the vendor's own SDK.

    first word     through daemon and control socket, and the SDK alone; A B A B
    whole call     metered in this process, and the same provider unmetered; A B A B
    a second       calls at once: the SDK alone, metered over the SDK, and metered over nothing

The vendor is a stub in a process of its own that answers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from p42.client import link
from p42.model.completion import Message, Piece, Prompt, Reply, Text, Usage
from tests.ai.scene import KEY, scene
from tests.bench.measure import Figure, paired
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
    async with scene(home, main={**SPEC, "baseUrl": url}) as there:
        await there.ask()
        provider = there.opened[-1]

        async def plain() -> None:
            async with aclosing(provider.stream(PROMPT)) as pieces:
                async for _ in pieces:
                    pass

        ours, peer = await _in_turn(there.ask, plain, runs=runs)
    _compare(Figure("metered", ours), Figure("the same provider unmetered", peer))


async def _a_second(url: str, home: Path, runs: int) -> None:
    async with scene(home / "sdk", main={**SPEC, "baseUrl": url}) as there:
        await there.ask()
        provider = there.opened[-1]

        async def plain() -> None:
            async with aclosing(provider.stream(PROMPT)) as pieces:
                async for _ in pieces:
                    pass

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


async def _in_turn(
    ours: Callable[[], Awaitable[Any]], peer: Callable[[], Awaitable[Any]], *, runs: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for index, do in enumerate((ours, peer)):
            began = time.perf_counter()
            await do()
            samples[index].append(time.perf_counter() - began)
    return tuple(samples[0]), tuple(samples[1])


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
    added = statistics.median(a - b for a, b in zip(ours.samples, peer.samples, strict=True))
    print(f"  -> {added * 1e3:+.2f} ms (median of the pairs)")


if __name__ == "__main__":
    main()
