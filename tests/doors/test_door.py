"""A door under many clients: bounded, fair, and open again when they leave."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from p42.gateway.limits import Deadlines, Limits
from tests.doors.conftest import OPEN

ECHO = {"type": "echo", "id": "good", "payload": {"text": "hi"}}


async def test_a_thousand_idle_and_slow_clients_do_not_hold_up_a_good_one(opened: OPEN) -> None:
    async with opened() as door, AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(door.client()) for _ in range(1000)]
        for slow in crowd[::2]:
            slow.writer.write(b'{"type":"')
        loop, worst = asyncio.get_running_loop(), 0.0
        for _ in range(20):
            began = loop.time()
            async with door.client() as good:
                assert (await good.ask(ECHO))["success"]
            worst = max(worst, loop.time() - began)
        assert worst < 2  # idle clients cost nothing; the bound only tells "held up" from "busy"


async def test_a_connection_too_many_is_closed_and_a_freed_place_is_given_again(
    opened: OPEN,
) -> None:
    async with opened(Limits(deadlines=Deadlines(), connections=2)) as door:
        async with door.client() as first, door.client() as second:
            assert (await first.ask(ECHO))["success"]
            assert (await second.ask(ECHO))["success"]
            async with door.client() as third:
                assert await third.rest() == b""
        async with asyncio.timeout(10):
            await door.door.empty.wait()
        async with door.client() as fourth:
            assert (await fourth.ask(ECHO))["success"]


async def test_who_may_not_enter_is_closed_unheard(opened: OPEN) -> None:
    async with opened(admits=lambda _: False) as door, door.client() as client:
        await client.send({"type": "hold"})
        assert await client.rest() == b""
        assert door.gate.asked == 0


async def test_a_port_scan_is_harmless(opened: OPEN) -> None:
    async with opened() as door:
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", door.port)):
                pass
        async with door.client() as client:
            assert (await client.ask(ECHO))["success"]


def test_running_out_of_descriptors_is_survived(tmp_path: Path) -> None:
    """The daemon's own limit, so in a process of its own: 64 files, 200 clients."""
    crowded = Path(__file__).with_name("crowded.py")
    child = subprocess.Popen([sys.executable, crowded], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        port = int(child.stdout.readline())
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        for client in crowd:
            client.close()
        with socket.create_connection(("127.0.0.1", port), timeout=10) as good:
            good.sendall(b'{"type":"echo","id":"x"}')
            assert b'"success":true' in good.recv(4096)
    finally:
        child.terminate()
        child.communicate(timeout=10)
