"""The wire of project sockets, as the original clients speak it (reference/wire.md, section 3)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from p42.wire.tekton import CUT
from tests.keeper.conftest import Client, Daemon, declaration


@pytest.fixture
def port(daemon: Daemon, run: Path) -> int:
    """The port of a project named claude-code."""
    return int(daemon.ask("declare", **declaration(run, "claude-code"))["unit"]["port"])


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    one = Client(port)
    yield one
    one.close()


def test_ping_health_and_info_have_the_original_shapes(client: Client) -> None:
    pong = client.say({"type": "ping"})
    assert pong["type"] == "pong"
    assert isinstance(pong["timestamp"], float)
    health = client.say({"type": "health"})
    assert set(health) == {"type", "ai_id", "status", "component", "model", "clients"}
    assert (health["status"], health["clients"]) == ("healthy", 1)
    assert client.say({"type": "info"})["type"] == "info_response"


def test_chat_says_what_is_missing_and_the_socket_lives(client: Client) -> None:
    for message in ({"content": "hi"}, {"type": "chat", "content": "hi"},
                    {"type": "no-such-type", "message": "hi"}):  # fmt: skip
        client.sock.sendall(json.dumps(message).encode() + b"\n")
    assert client.say({"type": "ping"})["type"] == "pong"
    for _ in range(3):
        answer = client.hear()
        assert (answer["type"], answer["ai_id"]) == ("error", "project-claude-code-ai")
        assert "p42 is not running" in answer["error"]
        assert answer["content"] == answer["error"][:200]  # the originals show no other key
    assert client.say({"type": "ping"})["type"] == "pong"


def test_who_hangs_up_before_it_is_answered_costs_nobody_else_anything(
    daemon: Daemon, port: int, client: Client
) -> None:
    """Two answers to a client that has gone were a SIGPIPE, and the end of the companion."""
    client.say({"type": "ping"})
    pid = daemon.unit("ProjectCI/claude-code")["pid"]
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(b'{"type":"ping"}\n' * 500)
            gone.shutdown(socket.SHUT_WR)  # else it is "connection reset", which is an error alone
            assert gone.recv(1)
        assert client.say({"type": "ping"})["type"] == "pong"
    assert daemon.unit("ProjectCI/claude-code")["pid"] == pid


def test_a_bad_line_is_answered_and_the_connection_goes_on(client: Client) -> None:
    client.say({"type": "ping"})
    client.sock.sendall(b"not json\n")
    assert client.hear() == {"type": "error", "error": "Invalid JSON"}
    assert client.say({"type": "ping"})["type"] == "pong"


@pytest.mark.parametrize(
    "body", [{"type": "nope"}, {"type": "chat"}, {"content": 5}, {"content": " "}]
)
def test_a_message_without_a_text_is_told_so_and_asks_nobody(
    client: Client, body: dict[str, Any]
) -> None:
    assert client.say(body)["error"] == "content: there is no text in it to be answered"
    assert client.say({"type": "ping"})["type"] == "pong"


def test_a_bad_first_line_ends_the_connection(client: Client) -> None:
    client.sock.sendall(b'not json\n{"type":"ping"}\n')
    assert client.hear()["error"] == "Invalid JSON"
    assert client.hear() is None


def test_json_that_is_no_object_drops_the_connection(client: Client) -> None:
    client.sock.sendall(b'[1,2]\n{"type":"ping"}\n')
    assert client.hear() is None


def test_a_web_page_that_posts_executes_nothing(port: int) -> None:
    body = b'{"content":"spend money"}\n'
    with socket.create_connection(("127.0.0.1", port), timeout=5) as page:
        page.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n\r\n" + body)
        assert page.recv(100) == b""


@pytest.fixture
def broker(run: Path) -> Iterator[list[str]]:
    """A daemon that says to everything what stands in the list."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(run / "nobody.sock"))
    server.listen()
    texts: list[str] = []

    def serve() -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                line, _ = server.accept()
                with line, line.makefile("rb") as asked:
                    asked.readline()
                    reply = {"success": True, "data": {"text": texts[0]}}
                    line.sendall(json.dumps(reply).encode() + b"\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield texts
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_a_request_followed_by_end_of_input_is_answered(broker: list[str], port: int) -> None:
    broker.append("hello")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as netcat:
        netcat.sendall(b'{"content":"hi"}\n')
        netcat.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: netcat.recv(4096), b""))
    assert json.loads(answer)["type"] == "response"


def test_a_long_answer_fits_the_one_read_of_the_originals(
    broker: list[str], client: Client
) -> None:
    """Their message handler and projects chat call recv(4096) once (wire.md, 3.9)."""
    broker.append("\u2026 a long story " * 1000)
    client.sock.sendall(b'{"content":"tell"}\n')
    answer = json.loads(client.sock.recv(4096))
    assert answer["type"] == "response"
    assert answer["content"].endswith("[cut here; `p42 chat` shows it whole]")
    assert broker[0].startswith(answer["content"].removesuffix(CUT))


def test_who_asks_for_the_whole_answer_gets_it(broker: list[str], client: Client) -> None:
    broker.append("x" * 100_000)
    assert client.say({"content": "tell", "whole": True})["content"] == broker[0]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is missing")
def test_another_user_of_this_machine_is_refused(port: int) -> None:
    program = (
        "import socket;s=socket.create_connection(('127.0.0.1'," + str(port) + "));"
        's.sendall(b\'{"type":"ping"}\\n\');print(s.recv(100))'
    )
    argv = ["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", program]
    if not Path("/usr/bin/python3").exists():
        argv[3] = sys.executable
    done = subprocess.run(argv, capture_output=True, check=False, text=True)
    if "setresuid" in done.stderr:
        pytest.skip("may not change the user here")
    assert "pong" not in done.stdout
