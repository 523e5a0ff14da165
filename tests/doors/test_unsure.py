"""A daemon that does not know its keeper yet does for nobody what only a person may."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from p42.gateway.control import MAY
from p42.gateway.dispatch import Dispatch
from p42.gateway.door import Door
from p42.gateway.limits import Limits
from p42.gateway.unsure import UNKNOWN, Unsure, chooser
from p42.model.ports import World
from p42.model.verb import Door as Where
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.standing import PATIENCE, Standing
from p42.wire.port42 import Request
from tests.doors.conftest import Client
from tests.doors.verbs import Gate, table

PRIVATE = {"type": "private", "id": "p", "payload": {"text": "mine"}}
ECHO = {"type": "echo", "id": "e", "payload": {"text": "yours"}}
ASKS = """
import json, os, socket, sys, time
door = socket.socket(socket.AF_UNIX)
while door.connect_ex(sys.argv[1]):
    time.sleep(0.01)
door.sendall(sys.argv[2].encode())
answer = door.recv(65536)
with open(sys.argv[3] + ".new", "wb") as file:
    file.write(answer)
os.rename(sys.argv[3] + ".new", sys.argv[3])
"""


def dispatches(home: Path) -> dict[str, Dispatch]:
    world = World(home=home, clock=None)  # type: ignore[arg-type] # no verb here reads it
    verbs = table(Gate())
    return {word: Dispatch(world, Where.CONTROL, verbs, forbids=MAY[word]) for word in MAY}


@asynccontextmanager
async def opened(home: Path, standing: Standing) -> AsyncIterator[Path]:
    """A control socket that tells by `standing` who may what."""

    by_word, path = dispatches(home), home / "c.sock"
    door = Door(by_word["person"], Limits(deadlines=None), admits=lambda _: True,
                chooses=chooser(by_word, standing))  # fmt: skip
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        running = asyncio.ensure_future(door.run(listener))
        yield path
        await ended(running)


@asynccontextmanager
async def linked(link: KeeperLink) -> AsyncIterator[None]:
    running = asyncio.ensure_future(link.run())
    assert await link.ready(10)
    yield
    await ended(running)


async def ended(task: asyncio.Future[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_is_a_persons_waits_until_the_keeper_is_known(tmp_path: Path) -> None:
    link = KeeperLink(tmp_path / "run", grace=5.0)
    async with opened(tmp_path, Standing(link)) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        client = Client(reader, writer)
        await client.send(PRIVATE, ECHO)
        assert (await client.line())["id"] == "e", "what only reads does not wait"
        async with linked(link):
            assert (await client.line())["data"] == {"text": "mine"}
            await link.end()
        writer.close()


async def test_a_child_that_outlived_the_daemon_is_no_person_at_its_start(tmp_path: Path) -> None:
    run, said = tmp_path / "run", tmp_path / "said"
    async with linked(before := KeeperLink(run, grace=20.0)):
        null = os.open(os.devnull, os.O_RDWR)
        words = [sys.executable, "-c", ASKS, str(tmp_path / "c.sock"), json.dumps(PRIVATE)]
        await before.ask("run", (null, null, null), argv=[*words, str(said)], env={}, cwd="/",
                         limits={}, id="child")  # fmt: skip
        os.close(null)
    link = KeeperLink(run, grace=20.0)
    looked = asyncio.Event()

    class Seen(Standing):
        def look(self, pid: int) -> Any:
            looked.set()
            return super().look(pid)

    async with asyncio.timeout(20), opened(tmp_path, Seen(link)):
        await looked.wait()
        async with linked(link):
            while not said.exists():
                await asyncio.sleep(0.01)
            await link.end()
    answer = json.loads(said.read_bytes())
    assert not answer["success"]
    assert "a companion may not ask for private" in answer["error"]


@pytest.mark.looptime
async def test_a_keeper_that_never_comes_is_told_and_nothing_is_done(tmp_path: Path) -> None:
    standing, sent = Standing(KeeperLink(tmp_path / "run", grace=5.0)), list[Any]()

    async def send(line: bytes) -> None:
        sent.append(json.loads(line))

    unsure = Unsure(dispatches(tmp_path), standing.look(os.getppid()), standing.known)
    began = asyncio.get_running_loop().time()
    await unsure.answer(Request("private", "p", {"text": "mine"}, given=True), send)
    assert asyncio.get_running_loop().time() - began == pytest.approx(PATIENCE)
    assert sent == [{"id": "p", "success": False, "error": UNKNOWN, "code": 1}]


async def test_who_has_ended_before_it_was_looked_at_is_no_person(tmp_path: Path) -> None:
    standing = Standing(KeeperLink(tmp_path / "run", grace=5.0))
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert standing.of(process.pid) == "companion"
    assert standing.of(os.getppid()) == "unknown"
