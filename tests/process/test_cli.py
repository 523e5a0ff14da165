"""The real claude CLI behind a real daemon, in front of a local server of the Messages API.

`make test-claude` installs the CLI and runs this file; P42_TEST_CLAUDE names one that is elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.model.completion import ToolCall
from p42.model.errors import P42Error
from p42.runtimes.descent import below
from tests.doors.daemons import PATIENCE, Daemon
from tests.process.daemon import MODEL, declared, started, vendor
from tests.process.room import alive
from tests.providers.vendors import AnthropicServer, Say, Status

CLAUDE = os.environ.get("P42_TEST_CLAUDE") or shutil.which("claude")
pytestmark = [
    pytest.mark.skipif(CLAUDE is None, reason="the claude CLI is not here: make test-claude"),
    pytest.mark.xdist_group("claude"),
]
HOLD = asyncio.Event()  # never set


def asked(seen: Any) -> str:
    """The last thing the person said in a request."""
    texts = [
        block["text"]
        for message in seen.body["messages"] if message["role"] == "user"
        for block in _blocks(message["content"]) if block.get("type") == "text"
    ]  # fmt: skip
    return next((t for t in reversed(texts) if t.startswith("please ")), "")


def _blocks(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def script(seen: Any) -> Any:
    """What the model does is what it was asked for."""
    body, wish = seen.body, asked(seen)
    returned = any(
        block.get("type") == "tool_result"
        for message in body["messages"][-2:] for block in _blocks(message["content"])
    )  # fmt: skip
    match wish.split():
        case ["please", "recall"]:
            said = [m for m in body["messages"] if "please" in json.dumps(m["content"])]
            return Say(f"I was asked {len(said)} things.")
        case ["please", "hold", *_]:
            return Say("half of an answer that goes on", hold=HOLD, after=6)
        case ["please", "run", *command] if not returned:
            call = ToolCall("toolu_1", "Bash", {"command": " ".join(command), "description": "x"})
            return Say("Let me look.", calls=(call,))
        case ["please", "fail"]:
            return Status(400, "this was scripted")
    return Say("Hello from the other side.")


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicServer]:
    with vendor(script) as found:
        yield found


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, server: AnthropicServer) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("cli")
    process = {"command": CLAUDE, "protocol": "claude-stream-json",
               "args": ["--allowedTools=Bash"]}  # fmt: skip
    declared(root / "m", server.url, process)
    with started(root / "home", root / "m") as found:
        yield found


def say(daemon: Daemon, message: str, session: str) -> tuple[list[Any], dict[str, Any]]:
    """Pieces, and the whole."""
    *pieces, last = daemon.stream("say", agent="coder", message=message, session=session,
                                  timeout=PATIENCE)  # fmt: skip
    return [piece["stream"] for piece in pieces], last["data"]


def test_it_runs_streams_and_is_metered(daemon: Daemon, server: AnthropicServer) -> None:
    pieces, said = say(daemon, "please greet", "run-1")
    words = [piece["text"] for piece in pieces]
    assert len(words) > 1, "word by word, as the model says it"
    assert "".join(words) == said["answer"] == "Hello from the other side."
    assert (said["agent"], said["account"], said["model"]) == ("coder", "main", MODEL)
    assert said["usage"]["inputTokens"] == 10
    assert said["usage"]["costMicroUsd"] == 105, "10 tokens in at 3 USD, 5 out at 15, per million"
    (row,) = daemon.ask("usage")["rows"]
    assert (row["agent"], row["calls"], row["costMicroUsd"]) == ("agent/coder", 1, 105)
    seen = server.completions[-1]
    assert seen.body["model"] == MODEL
    assert "You are terse." in json.dumps(seen.body["system"])
    assert len(server.completions) == 1


def test_it_goes_on_where_it_was_also_after_a_restart(
    tmp_path: Path, server: AnthropicServer
) -> None:
    declared(tmp_path / "m", server.url, {"command": CLAUDE, "protocol": "claude-stream-json"})
    with started(tmp_path / "home", tmp_path / "m") as daemon:
        say(daemon, "please greet", "on")
        assert say(daemon, "please recall", "on")[1]["answer"] == "I was asked 2 things."
    with started(tmp_path / "home", tmp_path / "m") as daemon:
        assert say(daemon, "please recall", "on")[1]["answer"] == "I was asked 3 things."


def test_a_tool_it_runs_is_shown_and_runs_within_walls(daemon: Daemon) -> None:
    pieces, said = say(daemon, "please run ls -d / ~", "tool-1")
    tools = [piece for piece in pieces if "tool" in piece]
    assert tools[0]["arguments"]["command"] == "ls -d / ~"
    assert tools[1]["result"].split() == ["/", str(daemon.home / "agents" / "coder")]
    assert said["answer"] == "Let me look.\n\nHello from the other side."
    pieces, _ = say(daemon, f"please run cat {daemon.home}/config.toml {daemon.home}/state.db",
                    "tool-2")  # fmt: skip
    results = [piece["result"] for piece in pieces if "result" in piece]
    assert results[0].count("No such file") + results[0].count("Permission denied") == 2, results


def test_its_environment_holds_no_key(daemon: Daemon) -> None:
    pieces, _ = say(daemon, "please run env", "tool-3")
    told = next(piece["result"] for piece in pieces if "result" in piece)
    assert "sk-ant-the-real-one" not in told


def test_a_cancelled_run_ends_whole_and_goes_on(daemon: Daemon, server: AnthropicServer) -> None:
    stream = daemon.stream("say", agent="coder", message="please hold", session="cut-1",
                           timeout=PATIENCE)  # fmt: skip
    heard = next(stream)["stream"]["text"]
    keeper = daemon_keeper(daemon)
    programs = [pid for pid in below(keeper) if "claude" in command(pid)]
    assert programs
    stream.close()
    end = time.monotonic() + PATIENCE
    while alive(*programs) and time.monotonic() < end:
        time.sleep(0.02)
    assert alive(*programs) == []
    turns = until_turns(daemon, "cut-1", 2)
    assert turns[1]["cut"]
    assert turns[1]["content"].startswith(heard)
    assert say(daemon, "please recall", "cut-1")[1]["answer"] == "I was asked 2 things."


def test_an_error_of_the_api_is_told_and_the_session_goes_on(daemon: Daemon) -> None:
    with pytest.raises(P42Error, match="this was scripted"):
        say(daemon, "please fail", "bad-1")
    assert say(daemon, "please greet", "bad-1")[1]["answer"] == "Hello from the other side."


def test_a_kill_of_the_daemon_leaves_no_program_and_a_session_that_goes_on(
    tmp_path: Path, server: AnthropicServer
) -> None:
    declared(tmp_path / "m", server.url, {"command": CLAUDE, "protocol": "claude-stream-json"})
    with started(tmp_path / "home", tmp_path / "m") as daemon:
        stream = daemon.stream("say", agent="coder", message="please hold", session="k",
                               timeout=PATIENCE)  # fmt: skip
        next(stream)
        programs = [pid for pid in below(daemon_keeper(daemon)) if "claude" in command(pid)]
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        stream.close()
    end = time.monotonic() + PATIENCE
    while alive(*programs) and time.monotonic() < end:
        time.sleep(0.02)
    assert alive(*programs) == []
    with started(tmp_path / "home", tmp_path / "m") as daemon:
        shown = daemon.ask("session.show", session="k")
        assert [(m["role"], m["cut"]) for m in shown["messages"]] == [
            ("user", False), ("assistant", True),
        ]  # fmt: skip
        assert say(daemon, "please recall", "k")[1]["answer"] == "I was asked 2 things."


def daemon_keeper(daemon: Daemon) -> int:
    """The keeper is the parent of all that runs; it is nobody's child but init's."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if (
            str(daemon.home / "run").encode() in path.read_bytes()
            and b"keeper" in path.read_bytes()
        ):
            return int(path.parent.name)
    raise AssertionError("no keeper")


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def until_turns(daemon: Daemon, session: str, count: int) -> Any:
    end = time.monotonic() + PATIENCE
    while True:
        turns = daemon.ask("session.show", session=session)["messages"]
        if len(turns) >= count or time.monotonic() > end:
            return turns
        time.sleep(0.02)
