"""The door's port: wished for, taken, found again; and what it does when p42 stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from p42.keeper.peer import tells_owners
from p42.web import web as module
from tests.web.doors import opened
from tests.web.raw import line, request, say


async def test_a_taken_port_is_told_and_taken_over_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with opened(tmp_path, port=port) as door:
            assert door.web.port is None
            assert f"port {port} is taken by another program" in door.web.note
            assert "http.port" in door.web.note
            other.close()
            async with asyncio.timeout(10):
                while door.web.port is None:
                    await asyncio.sleep(0.005)
            assert (door.web.port, door.web.note) == (port, "")
            assert (await say(port, request(port))).status == 200


async def test_a_port_that_another_has_on_the_other_loopback_is_taken(tmp_path: Path) -> None:
    """Who asks for localhost might show a token to that other program."""
    try:
        squatter = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no ::1")
    with squatter:
        async with opened(tmp_path, port=squatter.getsockname()[1]) as door:
            assert door.web.port is None
            assert "is taken by another program" in door.web.note


async def test_nobody_can_listen_beside_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as door:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", door.port))


async def test_it_listens_on_loopback_alone(tmp_path: Path) -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("no /proc/net/tcp: this system does not tell")
    async with opened(tmp_path) as door:
        listening = [
            fields[1].rpartition(":")[0]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for fields in (row.split() for row in Path(table).read_text().splitlines()[1:])
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == door.port
        ]
        assert sorted(listening) == ["00000000000000000000000001000000", "0100007F"]


async def test_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not tells_owners():
        pytest.skip("only root can be another user here, and only Linux tells who it is")
    code = (
        "import encodings.idna, os, socket, sys; os.setgid(65534); os.setuid(65534);"
        "c = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=10);"
        "c.sendall(b'GET /healthz HTTP/1.1\\r\\nHost: 127.0.0.1:%s\\r\\n\\r\\n'"
        " % sys.argv[1].encode()); print(c.recv(99))"
    )
    async with opened(tmp_path) as door:
        ran = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", code, str(door.port)],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert ran.stdout.strip() == "b''" or "ConnectionResetError" in ran.stderr
        assert (await say(door.port, request(door.port))).status == 200


async def test_the_port_is_free_and_no_connection_is_left_when_it_ends(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as held:
        door = await held.enter_async_context(opened(tmp_path))
        port = door.port
        there = await held.enter_async_context(line(port))
        await there.send(request(port))
        assert (await there.told()).status == 200
        door.web.tried.clear()
    assert door.web.port is None
    with socket.create_server(("127.0.0.1", port)):
        pass


async def test_a_bug_behind_the_guard_is_an_answer_and_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path) as door:  # without models: asking one is a bug
        headers = {"Authorization": f"Bearer {await door.secret('agents')}"}
        told = await say(door.port, request(door.port, "/v1/models", headers=headers))
        assert (told.status, told.json["error"]["type"]) == (500, "api_error")
        assert "p42 logs daemon" in told.json["error"]["message"]
        assert "bug while answering GET '/v1/models'" in caplog.text
