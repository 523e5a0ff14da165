"""Talking through the doors: what clients of the original check, and what they could not have."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent, vendor
from tests.providers.vendors import OpenAIServer
from tests.providers.vendors.script import Say


def recall(seen: Any) -> Say:
    """A model that says what it was told so far: how a client sees its history was given."""
    said = [m["content"] for m in seen.body["messages"] if m["role"] == "user"]
    return Say("I heard: " + " | ".join(said))


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIServer]:
    with vendor(recall) as server:
        yield server


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, model: OpenAIServer) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("talk")
    account(root / "m", model.url)
    agent(root / "m", "engineer")
    with running(root / "home") as started:
        results = started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
        assert [each["ready"] for each in results["results"]] == ["True", "True"], results
        yield started


def possess(daemon: Daemon, session: str, message: str, agent: str = "@ai-engineer") -> Any:
    payload = {"agent": agent, "message": message}
    line = daemon.say(json.dumps({"type": "possess", "id": session, "payload": payload}).encode())
    assert line.endswith(b"\n")
    return json.loads(line)


def test_a_possess_answers_as_the_originals_did(daemon: Daemon) -> None:
    line = daemon.say(
        b'{"type":"possess","id":"s1","payload":'
        b'{"agent":"@ai-engineer","message":"hello there friend of mine"}}'
    )
    assert line == (
        b'{"id":"s1","success":true,"data":{"agent":"@ai-engineer",'
        b'"message":"I heard: hello there friend of mine","session_id":"s1"}}\n'
    )


def test_an_unknown_agent_answers_and_so_does_one_without_prefix(daemon: Daemon) -> None:
    assert possess(daemon, "b1", "hi", "builder")["data"]["session_id"] == "b1"
    assert possess(daemon, "b2", "hi", "engineer")["data"]["agent"] == "engineer"


@pytest.mark.parametrize(
    "payload", ["", ',"payload":[]', ',"payload":"x"', ',"payload":{"agent":1}']
)
def test_a_wrong_payload_is_told_in_the_originals_words(daemon: Daemon, payload: str) -> None:
    line = daemon.say(b'{"type":"possess","id":"t5"%s}' % payload.encode())
    reply = json.loads(line)
    assert (reply["success"], reply["error"]) == (False, "Invalid possess payload")


def test_ten_at_once_all_succeed_and_memory_knows_them(daemon: Daemon) -> None:
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda n: possess(daemon, f"par-{n}", f"message {n}"), range(10)))
    assert all(reply["success"] and "error" not in reply for reply in replies)
    line = daemon.say(b'{"type":"memory","id":"t3"}')
    assert len(line) <= 4096
    data = json.loads(line)["data"]
    assert list(data) == sorted(data)
    assert data["active_count"] >= 10
    assert data["recent_sessions"][0]["state"] == "active"
    assert {"id", "agent", "state", "message_count"} <= set(data["active_sessions"][0])
    assert data["stats"]["total_sessions"] >= 10
    assert json.loads(daemon.say(b'{"type":"status","id":"1"}'))["data"]["sessions"] >= 10


def test_an_end_is_crystal_and_persists(daemon: Daemon) -> None:
    possess(daemon, "e1", "goodbye")
    for session in (b"e1", b"nobody-knows"):
        line = daemon.say(b'{"type":"end","id":"%s"}' % session)
        assert line == (
            b'{"id":"%s","success":true,"data":{"message":'
            b'"Session crystallized. The dolphins remember..."}}\n' % session
        )
    assert daemon.ask("session.show", session="e1")["state"] == "completed"


def test_a_streamed_answer_comes_in_pieces_and_then_as_ever(daemon: Daemon) -> None:
    request = {"type": "possess", "id": "st", "stream": True,
               "payload": {"agent": "engineer", "message": "one two"}}  # fmt: skip
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) as door:
        door.sendall(json.dumps(request).encode())
        lines = [json.loads(line) for line in door.makefile("rb")]
    pieces = [line["stream"]["text"] for line in lines[:-1]]
    assert len(pieces) > 1
    assert "".join(pieces) == lines[-1]["data"]["message"] == "I heard: one two"


def test_a_payloads_model_is_asked(daemon: Daemon, model: OpenAIServer) -> None:
    payload = {"agent": "engineer", "message": "hi", "model": "gpt-4o-mini"}
    daemon.say(json.dumps({"type": "possess", "id": "m1", "payload": payload}).encode())
    assert model.completions[-1].body["model"] == "gpt-4o-mini"


def test_the_files_of_the_original_are_there_within_three_seconds(daemon: Daemon) -> None:
    possess(daemon, "files-1", "hello from python")
    end, roles = time.monotonic() + 3, list[str]()
    while roles != ["user", "assistant"]:
        assert time.monotonic() < end
        found = (daemon.home / "memory" / "sessions").glob("*/session-*-hello-from-python-*")
        roles = [m["role"] for path in found for m in json.loads(path.read_text())["messages"]]
        time.sleep(0.05)
    index = json.loads((daemon.home / "memory" / "index.json").read_text())
    assert "files-1" in [entry["id"] for entry in index["sessions"]]


def test_a_conversation_goes_on_after_a_restart(tmp_path: Path, model: OpenAIServer) -> None:
    account(tmp_path / "m", model.url)
    home = tmp_path / "home"
    with running(home) as daemon:
        daemon.ask("apply", paths=[str(tmp_path / "m")], timeout=PATIENCE)
        possess(daemon, "gordon", "my name is gordon")
    with running(home) as daemon:
        daemon.ask("wait", refs=["account/main"], timeout=PATIENCE, **{"for": "Ready"})
        said = possess(daemon, "gordon", "who am I?")
    assert said["data"]["message"] == "I heard: my name is gordon | who am I?"


def test_what_was_said_before_a_kill_stays_and_talk_goes_on(tmp_path: Path) -> None:
    gate = asyncio.Event()  # never set: the model falls silent in the middle

    def script(seen: Any) -> Say:
        if "long" in seen.body["messages"][-1]["content"]:
            return Say("word " * 100, hold=gate, after=51)
        return recall(seen)

    home = tmp_path / "home"
    with vendor(script) as server:
        account(tmp_path / "m", server.url)
        with running(home) as daemon:
            daemon.ask("apply", paths=[str(tmp_path / "m")], timeout=PATIENCE)
            request = {"type": "possess", "id": "k", "stream": True,
                       "payload": {"agent": "me", "message": "long"}}  # fmt: skip
            with socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) as door:
                door.sendall(json.dumps(request).encode())
                lines = door.makefile("rb")
                for _ in range(50):
                    assert "stream" in json.loads(lines.readline())
                _until_saved(daemon, "word " * 49 + "word")
                daemon.process.send_signal(signal.SIGKILL)
                daemon.process.wait()
                lines.close()
        with running(home) as daemon:
            shown = daemon.ask("session.show", session="k")
            roles = [(m["role"], m["cut"]) for m in shown["messages"]]
            assert roles == [("user", False), ("assistant", True)]
            assert shown["messages"][1]["content"].split() == ["word"] * 50
            daemon.ask("wait", refs=["account/main"], timeout=PATIENCE, **{"for": "Ready"})
            assert possess(daemon, "k", "go on", "me")["success"]


def test_a_wish_of_the_person_is_refused_where_the_agent_is_unknown(daemon: Daemon) -> None:
    from p42.model.errors import InvalidInput

    with pytest.raises(InvalidInput, match="there is: @engineer"):
        daemon.ask("say", agent="nobody", message="hi")


def test_sessions_are_listed_searched_exported_and_taken_in(daemon: Daemon) -> None:
    possess(daemon, "exp-1", "the quick brown fox")
    assert "exp-1" in [each["id"] for each in daemon.ask("session.list")["items"]]
    hits = daemon.ask("session.search", words="quick bro")["items"]
    assert {hit["session"] for hit in hits} == {"exp-1"}
    whole = daemon.ask("session.export", session="exp-")
    daemon.ask("session.delete", session="exp-1")
    card = daemon.ask("session.import", session=whole)
    assert (card["id"], card["messages"]) == ("exp-1", 2)
    shown = daemon.ask("session.show", session="exp-1")
    assert shown["messages"][0]["content"] == "the quick brown fox"


def _until_saved(daemon: Daemon, text: str) -> None:
    """A moment after it was heard it is on disk."""
    end = time.monotonic() + PATIENCE
    with sqlite3.connect(daemon.home / "sessions.db") as db:
        while (found := db.execute("SELECT content FROM speaking").fetchone()) is None or found[
            0
        ].strip() != text:
            assert time.monotonic() < end, found
            time.sleep(0.01)
    db.close()
