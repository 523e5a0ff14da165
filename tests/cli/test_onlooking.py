"""`p42 session watch`: a second person sees all that is said, and each word once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest

from p42.cli.onlooking import Onlooker
from tests.cli.test_sitting import script
from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent, vendor


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("onlooking")
    with vendor(script) as server:
        account(root / "m", server.url)
        agent(root / "m", "muse")
        with running(root / "home") as started:
            started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
            yield started


@contextmanager
def watching(daemon: Daemon, *words: str) -> Iterator[IO[str]]:
    program = subprocess.Popen(
        [sys.executable, "-m", "p42", "session", "watch", *words], text=True,
        env={**os.environ, "P42_HOME": str(daemon.home)}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    try:
        yield program.stdout
    finally:
        program.terminate()
        program.communicate(timeout=PATIENCE)


@pytest.mark.timeout(60)
def test_all_that_was_said_and_what_is_said_next(daemon: Daemon) -> None:
    def say(text: str) -> None:
        daemon.ask("say", agent="muse", session="seen-1", message=text)

    say("hello")
    with watching(daemon, "seen") as lines, watching(daemon, "seen-1", "-o", "json") as json_lines:
        seen = [lines.readline() for _ in range(2)]
        assert seen == ["user: hello\n", "assistant: You said hello to gpt-4o.\n"]
        assert json.loads(json_lines.readline())["content"] == "hello"
        json_lines.readline()
        say("more")
        seen = [lines.readline() for _ in range(2)]
        assert seen == ["user: more\n", "assistant: You said more to gpt-4o.\n"]
        pieces = [json.loads(json_lines.readline())]
        while pieces[-1].get("role") != "assistant":
            pieces.append(json.loads(json_lines.readline()))
        assert pieces[0]["content"] == "more"
        assert "".join(p.get("text", "") for p in pieces) == pieces[-1]["content"]


@pytest.mark.parametrize(("pieces", "shown"), [
    ([{"text": "a "}, {"text": "b"}, {"role": "assistant", "content": "a b"}], "assistant: a b\n"),
    ([{"text": "b"}, {"role": "assistant", "content": "a b"}],
     "assistant: b\nassistant: a b\n"),
    ([{"text": "a"}, {"role": "assistant", "content": "a", "cut": True}],
     "assistant: a [it broke off here]\n"),
    ([{"text": "\x1b[2J"}], "assistant: \N{REPLACEMENT CHARACTER}[2J\n"),
])  # fmt: skip
def test_an_answer_is_seen_whole_and_once(
    pieces: list[dict[str, Any]], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    onlooker = Onlooker()
    for piece in pieces:
        onlooker.see(piece)
    onlooker.close()
    assert capsys.readouterr().out == shown
