"""The gateway's port: wished for, refused, taken, found again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from p42.gateway import tcp
from p42.gateway.tcp import GET_42, Gateway
from p42.model.ports import World


@asynccontextmanager
async def serving(home: Path, *ports: int) -> AsyncIterator[Gateway]:
    gateway = Gateway(ports)
    world = World(home=home, clock=None)  # type: ignore[arg-type] # nothing is asked
    running = asyncio.ensure_future(gateway.run(world))
    async with asyncio.timeout(10):
        await gateway.tried.wait()
    yield gateway
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def test_port_zero_is_any_free_one_and_told(tmp_path: Path) -> None:
    async with serving(tmp_path, 0) as gateway:
        assert gateway.port
        assert gateway.note == ""
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.close()
        await writer.wait_closed()


async def test_a_taken_port_falls_back_to_the_next_and_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        async with serving(tmp_path, taken, 0) as gateway:
            assert gateway.port != taken
            assert f"port {taken} is taken" in gateway.note
            assert f"listening on {gateway.port}" in gateway.note


async def test_without_a_port_it_waits_and_takes_one_that_becomes_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "AGAIN", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with serving(tmp_path, port) as gateway:
            assert gateway.port is None
            assert "tried again" in gateway.note
            other.close()
            async with asyncio.timeout(10):
                while gateway.port is None:
                    await asyncio.sleep(0.005)
            assert (gateway.port, gateway.note) == (port, "")


async def test_a_refused_port_says_how_to_get_it_and_never_setcap(tmp_path: Path) -> None:
    said = tcp._trouble(42, PermissionError(13, "Permission denied"))
    assert GET_42 in said
    assert "ip_unprivileged_port_start=42" in said
    assert "Never setcap python" in said


async def test_it_listens_on_loopback_alone(tmp_path: Path) -> None:
    async with serving(tmp_path, 0) as gateway:
        wanted = f"0100007F:{gateway.port:04X}".encode()
        lines = Path("/proc/net/tcp").read_bytes().splitlines()
        listening = [line.split()[1] for line in lines if line.split()[3] == b"0A"]
        assert wanted in listening
        assert f"00000000:{gateway.port:04X}".encode() not in listening


async def test_the_port_is_free_again_after_the_end(tmp_path: Path) -> None:
    port = free_port()
    for _ in range(3):
        async with serving(tmp_path, port) as gateway:
            assert gateway.port == port
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
