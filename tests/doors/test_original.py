"""What clients of the original Port 42 daemon check, on the wire (wire.md 2.2 and 2.9)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.doors.daemons import Daemon, running


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("home")) as started:
        yield started


def test_status_in_one_recv_with_the_keys_in_their_order(daemon: Daemon) -> None:
    line = daemon.say(b'{"type":"status","id":"t1"}')
    assert line.startswith(b'{"id":"t1","success":true,"data":{"status":"swimming","port":"')
    assert line.endswith('🐬🐬🐬 laughing in the digital waves"}}\n'.encode())
    data = json.loads(line)["data"]
    assert list(data) == ["status", "port", "sessions", "uptime", "dolphins"]
    assert data["port"] == str(daemon.port)
    assert data["sessions"] == 0
    assert data["uptime"].endswith("s")


def test_list_names_the_files_of_the_commands_directory(daemon: Daemon) -> None:
    commands = daemon.home / "commands"
    line = daemon.say(b'{"type":"list","id":"t2"}')
    assert line == b'{"id":"t2","success":true,"data":{"commands":[]}}\n'
    (commands / "sub").mkdir(parents=True)
    (commands / "rainbow-logs").write_text("#!/bin/bash\n")
    line = daemon.say(b'{"type":"list","id":"t2"}')
    assert line == b'{"id":"t2","success":true,"data":{"commands":["rainbow-logs"]}}\n'


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b'{"type":"ping","id":"ping","payload":null}', b'{"id":"ping","success":true}\n'),
        (b'{"TYPE":"ping","Id":"p"}', b'{"id":"p","success":true}\n'),
        (b'{"type":"ping"}', b'{"id":"","success":true}\n'),
        (b'{\n  "type": "ping",\n  "id": "pretty"\n}\n', b'{"id":"pretty","success":true}\n'),
        (b'\n\r\n{"type":"ping","id":"p"}\n', b'{"id":"p","success":true}\n'),
        (
            b'{"type":"unknown","id":"t4"}',
            b'{"id":"t4","success":false,"error":"Unknown request type: unknown"}\n',
        ),
        (b"not json", b'{"id":"error","success":false,"error":"Invalid JSON request"}\n'),
        (
            b'{"type":"ping","id":7}',
            b'{"id":"error","success":false,"error":"Invalid JSON request"}\n',
        ),
        (
            b'{"type":"<&>","id":"x"}',
            b'{"id":"x","success":false,"error":"Unknown request type: \\u003c\\u0026\\u003e"}\n',
        ),
    ],
)
def test_the_reply_is_the_originals_byte_for_byte(daemon: Daemon, sent: bytes, said: bytes) -> None:
    assert daemon.say(sent) == said


def test_netcat_gets_its_reply_and_then_the_close(daemon: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as door:
        door.sendall(b'{"type":"ping","id":"nc"}\n')
        door.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: door.recv(4096), b""))
    assert said == b'{"id":"nc","success":true}\n'


def test_a_client_may_keep_its_connection_and_ping_before_each_request(daemon: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as door:
        lines = door.makefile("rb")
        for number in range(5):
            door.sendall(b'{"type":"ping","id":"ping","payload":null}\n')
            assert json.loads(lines.readline())["success"] is True
            door.sendall(b'{"type":"status","id":"%d","payload":{}}\n' % number)
            assert json.loads(lines.readline())["id"] == str(number)
        lines.close()


def test_a_port_scan_and_a_browser_leave_no_trace(daemon: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10):
        pass
    post = b'POST / HTTP/1.1\r\nHost: x\r\n\r\n{"type":"status","id":"evil"}'
    assert daemon.say(post) == b""
    assert daemon.say(b'{"type":"ping","id":"p"}') == b'{"id":"p","success":true}\n'


def test_a_rust_like_client_finds_the_gateway_by_connecting(daemon: Daemon) -> None:
    socket.create_connection(("127.0.0.1", daemon.port), timeout=0.1).close()
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=2) as door:
        door.settimeout(30)
        door.sendall(b'{"type":"status","id":"rust"}\n')
        reply = json.loads(door.makefile("rb").readline())
    assert isinstance(reply["success"], bool)
    assert isinstance(reply["id"], str)
    assert "error" not in reply
