"""The control socket and the client's end of it."""

from __future__ import annotations

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from p42.client import link
from p42.gateway.control import serve_control
from p42.model.errors import NoDaemon, P42Error, TimedOut
from p42.model.ports import World


@asynccontextmanager
async def serving(home: Path) -> AsyncIterator[Path]:
    (home / "run").mkdir(parents=True, mode=0o700, exist_ok=True)
    world = World(home=home, clock=None)  # type: ignore[arg-type] # ping reads nothing
    running = asyncio.ensure_future(serve_control(world))
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(link.is_up, str(home)):
            await asyncio.sleep(0.005)
    yield home / "run" / "p42.sock"
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_the_socket_is_for_its_user_alone_and_goes_with_the_daemon(tmp_path: Path) -> None:
    async with serving(tmp_path) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_a_socket_that_a_crash_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "p42.sock").write_text("left over")
    async with serving(tmp_path):
        assert await asyncio.to_thread(link.ask, str(tmp_path), "ping", {}) == {}


async def test_a_home_with_a_long_path_works(tmp_path: Path) -> None:
    home = tmp_path / ("h" * 120)
    async with serving(home):
        assert await asyncio.to_thread(link.ask, str(home), "ping", {}) == {}


async def test_an_answer_that_says_no_is_raised_with_its_text(tmp_path: Path) -> None:
    async with serving(tmp_path):
        with pytest.raises(P42Error, match="Unknown request type: nope"):
            await asyncio.to_thread(link.ask, str(tmp_path), "nope", {})


def test_no_daemon_is_told_with_how_to_start_one(tmp_path: Path) -> None:
    for home in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(NoDaemon, match="p42 start"):
            link.ask(str(home), "ping", {})
        assert not link.is_up(str(home))


def test_a_daemon_that_does_not_answer_is_given_up_in_time(tmp_path: Path) -> None:
    import socket

    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "run" / "p42.sock"))
        silent.listen()
        with pytest.raises(TimedOut, match=r"0\.05 s"):
            link.ask(str(tmp_path), "ping", {}, timeout=0.05)


def test_the_client_imports_nothing_that_costs_start_up_time() -> None:
    import subprocess
    import sys

    code = "import sys, p42.client.link; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    costly = {"asyncio", "typing", "dataclasses", "pydantic", "pathlib", "yaml", "logging"}
    assert not costly & set(said.stdout.split())
