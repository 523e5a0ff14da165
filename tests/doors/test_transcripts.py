"""Exchanges of the original Port 42 clients, as wire.md has them and their checks read them."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent, vendor
from tests.providers.vendors.script import Say

NETCAT = shutil.which("nc") or shutil.which("netcat")
SPEC = {
    "name": "rainbow-logs", "description": "made by mock", "language": "bash",
    "implementation": "#!/bin/bash\necho 'hello'", "dependencies": ["lolcat", "tree"],
}  # fmt: skip


def script(seen: Any) -> Say:
    """As the originals' checks want their model: it echoes, and forges what is `called 'NAME'`."""
    said = [m["content"] for m in seen.body["messages"] if m["role"] == "user"]
    if "called '" in said[-1]:
        return Say(f"Here it is.\n```json\n{json.dumps(SPEC)}\n```")
    return Say("I heard: " + " | ".join(said))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("transcripts")
    with vendor(script) as server:
        account(root / "m", server.url)
        agent(root / "m", "muse", forge="true")
        agent(root / "m", "echo")
        with running(root / "home") as started:
            started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
            yield started


def possess(daemon: Daemon, session: str, agent: str, message: str) -> dict[str, Any]:
    payload = {"agent": agent, "message": message}
    request = {"type": "possess", "id": session, "payload": payload}
    reply: dict[str, Any] = json.loads(daemon.say(json.dumps(request).encode()))
    return reply


def test_the_memory_of_a_new_home_is_the_originals_with_empty_lists(tmp_path: Path) -> None:
    with running(tmp_path / "home") as fresh:
        line = fresh.say(b'{"type":"memory","id":"t3"}')
    assert re.fullmatch(
        rb'{"id":"t3","success":true,"data":{"active_count":0,"active_sessions":\[\],'
        rb'"recent_sessions":\[\],"stats":{"total_sessions":0,"commands_generated":0,'
        rb'"active_sessions":0,"last_session_time":"0001-01-01T00:00:00Z"},'
        rb'"uptime":"([0-9]+m)?[0-9]+(\.[0-9]{1,9})?m?s"}}\n',
        line,
    )


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (b'{"type":"status","id":"1"}\n', b'"status":"swimming"'),
        (b'{"type":"list","id":"2"}\n', b'"commands":['),
        (b'{"type":"unknown","id":"4"}\n', b'"error":"Unknown request type: unknown"'),
        (b"not json\n", b'"error":"Invalid JSON request"'),
    ],
)
def test_what_the_shell_client_looks_for_is_in_the_bytes(
    daemon: Daemon, sent: bytes, found: bytes
) -> None:
    assert found in daemon.say(sent)


@pytest.mark.skipif(NETCAT is None, reason="netcat is not here: apt install netcat-openbsd")
def test_netcat_speaks_the_protocol(daemon: Daemon) -> None:
    line = f'echo \'{{"type":"status","id":"1"}}\' | {NETCAT} 127.0.0.1 {daemon.port}'
    with subprocess.Popen(["bash", "-c", line], stdout=subprocess.PIPE) as netcat:
        assert netcat.stdout is not None
        reply = json.loads(netcat.stdout.readline())  # at once; then it waits for the close
        subprocess.run(["pkill", "-P", str(netcat.pid)], check=False)
    assert (reply["id"], reply["data"]["status"]) == ("1", "swimming")


def test_a_command_that_was_forged_is_told_in_the_reply_and_in_memory(daemon: Daemon) -> None:
    reply = possess(daemon, "cli-1700000000", "@ai-muse", "Create a command called 'rainbow-logs'")
    data = reply["data"]
    assert list(data) == [
        "agent", "command_generated", "command_spec", "message", "session_id",
    ]  # fmt: skip
    assert data["command_generated"] is True
    assert data["command_spec"] == SPEC
    assert data["session_id"] == "cli-1700000000"
    memory = json.loads(daemon.say(b'{"type":"memory","id":"m"}'))["data"]
    assert memory["stats"]["commands_generated"] == 1


def test_an_agent_that_only_talks_forges_nothing(daemon: Daemon) -> None:
    reply = possess(daemon, "talk-1", "@ai-echo", "Create a command called 'rainbow-logs'")
    assert set(reply["data"]) == {"agent", "message", "session_id"}


def test_commands_lists_nothing_half_made(daemon: Daemon) -> None:
    possess(daemon, "list-1", "@ai-muse", "Create a command called 'rainbow-logs'")
    listed = json.loads(daemon.say(b'{"type":"list","id":"l"}'))["data"]["commands"]
    assert listed == sorted(each.name for each in (daemon.home / "commands").glob("[!.]*")
                            if each.is_file())  # fmt: skip
    assert not [name for name in listed if "tmp" in name or name.startswith(".")]


def test_a_null_payload_is_an_empty_message_and_an_error_with_text(daemon: Daemon) -> None:
    reply = json.loads(daemon.say(b'{"type":"possess","id":"n","payload":null}'))
    assert (reply["id"], reply["success"]) == ("n", False)
    assert isinstance(reply["error"], str)
    assert "data" not in reply


def test_three_conversations_are_counted_and_summed_up(daemon: Daemon) -> None:
    for number in range(3):
        possess(daemon, f"memory-test-{number}", "echo", f"message {number}")
    data = json.loads(daemon.say(b'{"type":"memory","id":"t3"}'))["data"]
    assert data["active_count"] >= 3
    (one,) = [each for each in data["active_sessions"] if each["id"] == "memory-test-0"]
    assert list(one) == [
        "id", "date", "slug", "agent", "command_generated", "state", "file", "created_at",
        "last_activity", "message_count",
    ]  # fmt: skip
    assert (one["agent"], one["state"], one["message_count"]) == ("echo", "active", 2)


def test_the_session_file_carries_the_second_of_its_creation(daemon: Daemon) -> None:
    now = int(time.time())
    possess(daemon, f"py-test-{now}", "echo", "what is in a name")
    end = time.monotonic() + 3
    while not (found := list((daemon.home / "memory").glob("sessions/*/session-*-what-is-in*"))):
        assert time.monotonic() < end
        time.sleep(0.05)
    second = int(found[0].name.split("-")[1])
    assert now <= second <= now + 1
    assert found[0].parent.name == time.strftime("%Y-%m-%d")


def test_an_end_that_only_half_closes_still_gets_its_reply(daemon: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) as door:
        door.sendall(b'{"type":"end","id":"memory-test-0"}')
        door.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: door.recv(4096), b""))
    assert json.loads(said)["data"]["message"].startswith("Session crystallized")
