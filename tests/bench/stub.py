"""`python -m tests.bench.stub`: Anthropic's protocol on 127.0.0.1, until standard input ends.

A process of its own, so that a vendor's work is not measured as ours. Prints its address.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.providers.vendors import AnthropicServer, Say


async def _serve() -> None:
    async with AnthropicServer(lambda _: Say("one two three")) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


@contextmanager
def stub() -> Iterator[str]:
    """The address of one that runs within the block."""
    argv = [sys.executable, "-m", "tests.bench.stub"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve())
