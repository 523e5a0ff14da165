"""Through a real daemon: an agent looks around, asks, is allowed, and all of it is written down."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.client import link
from p42.model.completion import ToolCall
from p42.model.errors import P42Error
from tests.doors.daemons import PATIENCE, Daemon, declare, running
from tests.doors.vendor import account, agent, vendor
from tests.process.room import alive
from tests.providers.vendors import OpenAIServer
from tests.providers.vendors.script import Say
from tests.tools.served import SERVER
from tests.tools.shop import needs_sandbox


def script(seen: Any) -> Say:
    """Calls what the message names (`NAME {JSON}`), then repeats what came of it.

    A message that names no tool is heard.
    """
    last = seen.body["messages"][-1]
    if last["role"] == "tool":
        return Say(last["content"])
    name, _, arguments = last["content"].partition(" ")
    if not name.startswith(("p42_", "command_", "integration_")):
        return Say("heard")
    return Say("", calls=(ToolCall("c1", name, json.loads(arguments or "{}")),))


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIServer]:
    with vendor(script) as server:
        yield server


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, model: OpenAIServer) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("tools")
    account(root / "m", model.url)
    agent(root / "m", "muse", permissions="{allow: [p42.*, command/tree], deny: [p42.logs]}")
    agent(root / "m", "echo")
    agent(root / "m", "clerk", permissions="{allow: [p42.session.search.all, "
          "p42.session.show.all]}")  # fmt: skip
    integration(root / "m", "files")
    agent(root / "m", "porter", tools="[files]", permissions="{allow: [integration/files/echo]}")
    declare(root / "m", "hello", 'echo "hello $1"; cat; ls -A')
    declare(root / "m", "tree", "exit 3")
    with running(root / "home") as started:
        started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
        yield started


def integration(directory: Path, name: str) -> None:
    """An MCP server by hand."""
    body = {
        "apiVersion": "p42.dev/v1", "kind": "Integration", "metadata": {"name": name},
        "spec": {"type": "mcp", "config": {"command": sys.executable, "args": [str(SERVER)]}},
    }  # fmt: skip
    (directory / f"{name}.yaml").write_text(json.dumps(body))


def say(daemon: Daemon, text: str, *, agent: str = "muse", **decision: Any) -> list[dict[str, Any]]:
    """The pieces of an answer; whoever asks is answered so."""
    asked = {"agent": agent, "message": text, "person": bool(decision)}
    pieces = []
    for part in daemon.stream("say", **asked):
        pieces.append(part.get("stream") or part["data"])
        if "ask" in pieces[-1]:
            daemon.ask("tool.decide", id=pieces[-1]["ask"]["id"], **decision)
    return pieces


def result(pieces: list[dict[str, Any]]) -> str:
    return str(next(piece["result"] for piece in pieces if "result" in piece))


def test_an_agent_looks_around_with_p42s_own_verbs(daemon: Daemon) -> None:
    told = json.loads(result(say(daemon, 'p42_get {"kind": "command"}')))
    assert [item["metadata"]["name"] for item in told["items"]] == ["hello", "tree"]
    assert json.loads(result(say(daemon, "p42_overview")))["broken"] == []
    assert json.loads(result(say(daemon, 'p42_describe {"ref": "command/hello"}')))["steps"] == []
    assert "steps" in json.loads(result(say(daemon, "p42_diff")))
    assert "items" in json.loads(result(say(daemon, 'p42_tree {"ref": "agent/muse"}')))
    assert "hits" in result(say(daemon, 'p42_session_search {"words": "hits"}'))
    events = json.loads(result(say(daemon, 'p42_events {"ref": "agent/muse", "limit": 50}')))
    assert ("ToolUsed", "p42.get") in {(e["reason"], e["message"]) for e in events["items"]}


def test_an_agent_sees_its_own_conversations_and_no_others(daemon: Daemon) -> None:
    daemon.ask("say", agent="echo", message="the treasure is buried", session="secret-1")
    daemon.ask("say", agent="muse", message="my own treasure", session="own-1")
    hits = json.loads(result(say(daemon, 'p42_session_search {"words": "treasure"}')))["items"]
    assert {hit["agent"] for hit in hits} == {"muse"}
    excerpts = "".join(hit["excerpt"] for hit in hits)
    assert "treasure" in excerpts
    assert excerpts.isprintable(), "the marks of a hit are for a terminal"
    assert "own treasure" in result(say(daemon, 'p42_session_show {"session": "own-1"}'))
    for asked in ("secret-1", "secret"):
        told = result(say(daemon, f'p42_session_show {{"session": "{asked}"}}'))
        assert told == f"failed: there is no session '{asked}'; see: p42 session list"
    assert "no tool" in result(say(daemon, 'p42_session_search_all {"words": "treasure"}'))
    assert "agent" in result(say(daemon, 'p42_session_search {"words": "t", "agent": "echo"}'))


def test_an_agent_that_is_named_for_it_sees_what_everybody_said(daemon: Daemon) -> None:
    daemon.ask("say", agent="echo", message="the map is folded", session="secret-2")
    found = result(say(daemon, 'p42_session_search_all {"words": "folded"}', agent="clerk"))
    assert "secret-2" in found
    shown = say(daemon, 'p42_session_show_all {"session": "secret-2", "last": 1}', agent="clerk")
    (last,) = json.loads(result(shown))["messages"]
    assert last["role"] == "assistant"


def test_what_does_not_exist_or_is_denied_is_a_result(daemon: Daemon) -> None:
    assert "is not declared" in result(say(daemon, 'p42_describe {"ref": "command/none"}'))
    assert "no tool 'p42_logs'" in result(say(daemon, 'p42_logs {"target": "daemon"}'))
    assert "no tool 'p42_apply'" in result(say(daemon, "p42_apply"))
    assert "paths" in result(say(daemon, 'p42_diff {"paths": ["/etc"]}'))


def test_an_agent_without_permissions_is_sent_no_tools(daemon: Daemon, model: OpenAIServer) -> None:
    say(daemon, "p42_get", agent="echo")
    assert "tools" not in model.completions[-1].body


@needs_sandbox
def test_a_command_is_asked_for_run_in_the_sandbox_and_written_down(daemon: Daemon) -> None:
    arguments = {"args": ["world"], "stdin": "in"}
    pieces = say(daemon, f"command_hello {json.dumps(arguments)}", allow=True)
    ask = next(piece["ask"] for piece in pieces if "ask" in piece)
    assert (ask["tool"], ask["arguments"]) == ("command/hello", arguments)
    assert result(pieces) == "exit code 0\nstdout:\nhello world\nin"
    shown = daemon.ask("session.show", session=pieces[-1]["session"])["messages"]
    assert [turn["role"] for turn in shown] == ["user", "assistant", "tool", "assistant"]
    events = daemon.ask("events", ref="agent/muse")["items"]
    told = [(e["reason"], e["message"]) for e in events]
    assert ("ToolUsed", "command/hello") in told
    assert "world" not in json.dumps(events)


def test_a_tool_of_an_integration_is_called_within_its_rules_and_written_down(
    daemon: Daemon, model: OpenAIServer
) -> None:
    assert result(say(daemon, 'integration_files_echo {"text": "hi"}', agent="porter")) == "hi"
    offered = [tool["function"]["name"] for tool in model.completions[-1].body["tools"]]
    assert "integration_files_echo" in offered
    assert offered.index("integration_files_echo") < offered.index("command_hello")
    refused = result(say(daemon, "integration_files_count", agent="porter"))
    assert "integration/files/count needs a person to agree" in refused
    pieces = say(daemon, "integration_files_count", agent="porter", allow=True)
    assert result(pieces) == '{"calls": 2}'
    events = daemon.ask("events", ref="integration/files")["items"]
    assert ("ServerUp", "10 tools") in [(e["reason"], e["message"]) for e in events]
    events = daemon.ask("events", ref="agent/porter")["items"]
    assert ("ToolUsed", "integration/files/echo") in [(e["reason"], e["message"]) for e in events]


@needs_sandbox
def test_an_allowed_command_is_run_unasked(daemon: Daemon) -> None:
    assert result(say(daemon, "command_tree")) == "exit code 3"


def test_without_a_person_it_is_refused_at_once_on_any_door(daemon: Daemon) -> None:
    assert "nobody is there to be asked" in result(say(daemon, "command_hello"))
    payload = {"agent": "@muse", "message": "command_hello"}
    line = daemon.say(json.dumps({"type": "possess", "id": "g", "payload": payload}).encode())
    assert "nobody is there to be asked" in json.loads(line)["data"]["message"]


def test_only_an_open_question_can_be_decided(daemon: Daemon) -> None:
    with pytest.raises(P42Error, match="is over"):
        daemon.ask("tool.decide", id="q-0", allow=True)


@needs_sandbox
def test_a_command_that_calls_p42_is_no_person(daemon: Daemon, tmp_path: Path) -> None:
    """It is granted the socket, by another name, and still may not decide about itself."""
    door = tmp_path.parent / f"{tmp_path.name}-door"
    door.mkdir()
    os.link(daemon.home / "run" / "p42.sock", door / "sock")
    request = json.dumps({"type": "tool.decide", "id": "1", "payload": {"id": "q", "allow": True}})
    code = (
        "import socket; s = socket.socket(socket.AF_UNIX); "
        f"s.connect('{door}/sock'); s.sendall(b'''{request}'''); "
        "print(s.recv(4096).decode())"
    )
    body = {
        "apiVersion": "p42.dev/v1", "kind": "Command", "metadata": {"name": "sly"},
        "spec": {"language": "python", "source": f"{code}\n",
                 "sandbox": {"write": [str(door)]}},
    }  # fmt: skip
    (tmp_path / "sly.yaml").write_text(json.dumps(body))
    link.ask(str(daemon.home), "apply", {"paths": [str(tmp_path)], "timeout": PATIENCE})
    said = result(say(daemon, "command_sly", allow=True))
    assert "tool.decide is for a person" in said


def test_servers_end_with_a_daemon_that_is_killed(tmp_path: Path, model: OpenAIServer) -> None:
    account(tmp_path / "m", model.url)
    integration(tmp_path / "m", "files")
    agent(tmp_path / "m", "porter", tools="[files]", permissions="{allow: [integration/*]}")
    with running(tmp_path / "home") as started:
        started.ask("apply", paths=[str(tmp_path / "m")], timeout=PATIENCE)
        env = json.loads(result(say(started, "integration_files_env", agent="porter")))
        assert env["P42_INTEGRATION"] == "files"
        pids = [pid for pid in (int(each.name) for each in Path("/proc").glob("[0-9]*"))
                if str(SERVER) in command_line(pid)]  # fmt: skip
        mine = [pid for pid in pids if str(started.home) in environment(pid)]
        assert mine
        started.process.kill()
        started.process.wait()
        end = time.monotonic() + PATIENCE
        while alive(*mine):
            assert time.monotonic() < end
            time.sleep(0.02)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""
