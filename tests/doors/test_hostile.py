"""A crowd that means no good, at both doors of a real daemon: `make bench` has the thousand."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.bench.crowd import EVIL, Crowd
from tests.bench.hostile import project
from tests.doors.daemons import Daemon, running

CROWD, SECONDS = 150, 2.0
GROWN = 96 << 20  # bytes; what is half sent may be 64 MiB in all, and buffers are cut in two sizes
LATE = 2.0  # s; alone it is 1 ms, and a test beside other tests only tells "held up" from "busy"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("hostile") / "home") as started:
        yield started


async def beside(port: int) -> tuple[Crowd, list[float]]:
    """What a good client sees beside the crowd, in seconds."""
    crowd, took, over = Crowd(port, CROWD), list[float](), threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(crowd.run, over.is_set))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        began = time.monotonic()
        writer.write(b'{"type":"ping","id":"p"}\n')
        async with asyncio.timeout(10):
            assert json.loads(await reader.readline()), "a good client is never thrown out"
        took.append(time.monotonic() - began)
    writer.close()
    await writer.wait_closed()
    over.set()
    await running
    return crowd, took


@pytest.mark.parametrize("where", ["gateway", "project"])
def test_a_crowd_costs_bounded_memory_and_good_clients_nothing(daemon: Daemon, where: str) -> None:
    port, pid = (daemon.port, daemon.process.pid) if where == "gateway" else project(daemon)
    server = psutil.Process(pid)
    before = server.memory_info().rss
    crowd, took = asyncio.run(beside(port))
    assert len(crowd.comings) == 7, crowd.comings
    assert crowd.comings["endless"] > 1, "who sends without end is thrown out, and comes again"
    assert crowd.comings["page"] > 1
    assert max(took) < LATE
    assert server.memory_info().rss - before < GROWN
    assert EVIL not in [each["id"] for each in daemon.ask("session.list")["items"]]
    assert daemon.ask("ping") == {}


def test_a_thousand_connections_at_once_are_all_served(daemon: Daemon) -> None:
    async def all_of_them() -> int:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(one()) for _ in range(1000)]
        return sum(each.result() for each in asked)

    async def one() -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        everybody.append(writer)
        if len(everybody) == 1000:
            there.set()
        await there.wait()
        writer.write(b'{"type":"ping","id":"p"}')
        async with asyncio.timeout(20):
            line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line == b'{"id":"p","success":true}\n'

    port, there, everybody = daemon.port, asyncio.Event(), list[asyncio.StreamWriter]()
    assert asyncio.run(all_of_them()) == 1000


def test_the_memory_is_given_back_when_they_have_gone(daemon: Daemon, tmp_path: Path) -> None:
    """Whatever came before in this file."""
    assert daemon.say(b'{"type":"ping","id":"p"}') == b'{"id":"p","success":true}\n'
    held = psutil.Process(daemon.process.pid).memory_info().rss
    assert held < 200 << 20
