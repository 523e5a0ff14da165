"""Vendor: a scripted vendor beside a test that is not asynchronous, in a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from tests.providers.vendors.http import VendorServer

Server = TypeVar("Server", bound=VendorServer)


@contextmanager
def served(server: Server) -> Iterator[Server]:
    """`server` listens within the block."""
    up, down = threading.Event(), asyncio.Event()
    loop: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loop.append(asyncio.get_running_loop())
        async with server:
            up.set()
            await down.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="vendor")
    thread.start()
    try:
        assert up.wait(10)
        yield server
    finally:
        loop[0].call_soon_threadsafe(down.set)
        thread.join(10)
