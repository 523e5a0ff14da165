"""Projects over a restart: a terminal stays attached, and chat waits for what is looked at anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.talking import chat, port, projects, recall
from tests.doors.vendor import vendor
from tests.keeper.conftest import Client, until
from tests.providers.vendors import OpenAIServer

P42 = [sys.executable, "-P", "-m", "p42"]


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIServer]:
    with vendor(recall) as server:
        yield server


@contextmanager
def terminal(daemon: Daemon, name: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`p42 project attach`, its output in `log`; ended by Ctrl-C."""
    env = {**os.environ, "P42_HOME": str(daemon.home)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*P42, "project", "attach", name], env=env, stdin=subprocess.DEVNULL, stdout=out,
            stderr=out,
        )  # fmt: skip
        try:
            until(lambda: b"appear here" in log.read_bytes(), "it is attached")
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130


def test_a_terminal_and_a_forward_outlive_a_restart(tmp_path: Path, model: OpenAIServer) -> None:
    """The terminal ended with `p42 is stopping`, though the forward goes on."""
    log = tmp_path / "terminal"
    with projects(tmp_path, model.url) as first:
        first.ask("project.forward", project="milk", target="jill")
        with terminal(first, "jill", log):
            assert chat(first, "milk", "one")["content"] == "Message forwarded to jill"
            first.stop(signal.SIGUSR1)
            until(lambda: b"waiting until p42 is back" in log.read_bytes(), "it says so")
            with running(tmp_path / "home", P42_PROJECTS_PORT_BASE="0") as second:
                until(lambda: log.read_bytes().count(b"appear here") == 2, "it is back")
                assert chat(second, "milk", "two")["content"] == "Message forwarded to jill"
                until(lambda: b"[milk] two" in log.read_bytes(), "it was shown")


def test_chat_right_after_a_restart_is_answered(tmp_path: Path, model: OpenAIServer) -> None:
    with projects(tmp_path, model.url) as first:
        first.stop(signal.SIGTERM)
    with running(tmp_path / "home", P42_PROJECTS_PORT_BASE="0") as second:
        said = subprocess.run(
            [*P42, "chat", "Milk", "hello"], env={**os.environ, "P42_HOME": str(second.home)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (said.returncode, said.stdout) == (0, "Engineer heard: hello\n"), said.stderr


def test_a_kept_connection_chats_on_while_the_daemon_is_away(
    tmp_path: Path, model: OpenAIServer
) -> None:
    """It was told that p42 does not run, and had to ask again half a second later."""
    with projects(tmp_path, model.url) as first:
        client = Client(port(first, "milk"))
        assert client.say({"content": "one"})["content"] == "Engineer heard: one"
        first.stop(signal.SIGUSR1)
        client.sock.sendall(b'{"content":"two"}\n')
        assert client.say({"type": "ping"})["type"] == "pong"
        with running(tmp_path / "home", P42_PROJECTS_PORT_BASE="0") as second:
            assert client.hear()["content"] == "Engineer heard: one | two"
            assert client.say({"content": "three"})["content"].endswith("one | two | three")
            found = second.ask("session.show", session="projectci/milk")["messages"]
            assert [turn["content"] for turn in found if turn["role"] == "user"] == [
                "one", "two", "three"
            ]  # fmt: skip
        client.close()


def test_what_a_stopped_terminal_shows_too_late_was_answered(
    tmp_path: Path, model: OpenAIServer
) -> None:
    log = tmp_path / "terminal"
    with projects(tmp_path, model.url) as daemon:
        daemon.ask("project.forward", project="milk", target="jill")
        with terminal(daemon, "jill", log) as stopped:
            stopped.send_signal(signal.SIGSTOP)
            try:
                said = chat(daemon, "milk", "are you there?")["content"]
            finally:
                stopped.send_signal(signal.SIGCONT)
            assert said == "Engineer heard: are you there?"
            until(lambda: b"too late" in log.read_bytes(), "it says so")
            shown = log.read_text().splitlines()
            assert shown[-2:] == [
                "[milk] are you there?", "    (too late: its companion answered)"
            ]  # fmt: skip
