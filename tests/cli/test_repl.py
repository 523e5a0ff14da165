"""The REPL on a real terminal: it streams, is interrupted, takes commands and remembers."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from p42.cli.repl.voice import end_of_block
from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent, vendor
from tests.providers.vendors.script import Say

NEVER = asyncio.Event()
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def script(seen: Any) -> Say:
    asked = seen.body["messages"][-1]["content"]
    if "long" in asked:
        return Say("one two three four", hold=NEVER, after=3)
    return Say(f"**You** said {asked}.")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("repl")
    with vendor(script) as server:
        account(root / "m", server.url)
        agent(root / "m", "muse")
        with running(root / "home") as started:
            started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
            yield started


class Typist:
    """A person at a terminal."""

    def __init__(self, descriptor: int, pid: int) -> None:
        self._descriptor, self.pid = descriptor, pid
        self.screen, self._seen = "", 0

    def prompted(self, text: str) -> None:
        """Type `text` once the prompt is there: before that the line is not the program's."""
        self.sees("@muse >")
        self.type(text)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def sees(self, text: str) -> None:
        """Wait until `text` stands on the screen, behind what was seen before."""
        end = time.monotonic() + PATIENCE
        while (at := self.screen.find(text, self._seen)) < 0:
            ready, _, _ = select.select([self._descriptor], [], [], 0.1)
            if ready:
                came = self._read()
                if "\x1b[6n" in came:  # where is the cursor? a terminal answers
                    self.type("\x1b[1;1R")
                self.screen += ESCAPES.sub("", came)
            assert time.monotonic() < end, self.screen
        self._seen = at + len(text)

    def _read(self) -> str:
        try:
            return os.read(self._descriptor, 65536).decode(errors="replace")
        except OSError:  # it ended
            raise AssertionError(self.screen) from None


@contextmanager
def at_terminal(daemon: Daemon, *words: str, ends: int = 0, **more: str) -> Iterator[Typist]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    env = {**os.environ, "P42_HOME": str(daemon.home), "TERM": "xterm", "COLUMNS": "100",
           **more}  # fmt: skip
    program = subprocess.Popen(
        [sys.executable, "-m", "p42", *words], stdin=theirs, stdout=theirs, stderr=theirs,
        env=env, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Typist(ours, program.pid)
        assert program.wait(PATIENCE) == ends
    finally:
        program.kill()
        program.wait()
        os.close(ours)


def test_a_conversation_at_a_terminal(daemon: Daemon) -> None:
    with at_terminal(daemon, "possess", "@muse", "--new") as typist:
        typist.prompted("hello\r")
        typist.sees("You said hello.")
        typist.prompted("/cost\r")
        typist.sees("1 message, 10 tokens in")
        typist.prompted("first\x1b\rsecond\r")
        typist.sees("You said first")
        typist.sees("second.")
        typist.prompted("/nonsense\r")
        typist.sees("there is no /nonsense")
        typist.prompted("/end\r")
        typist.sees("this sitting: 2 messages")
        typist.sees("the last conversation: s-")
    (session, *_) = daemon.ask("session.list")["items"]
    assert (session["state"], session["messages"]) == ("completed", 4)
    history = daemon.home / "history" / "muse"
    assert "hello" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_ctrl_c_ends_the_answer_and_not_the_conversation(daemon: Daemon) -> None:
    with at_terminal(daemon, "possess", "@muse", "--new") as typist:
        typist.prompted("a long one\r")
        typist.sees("one two")
        os.killpg(typist.pid, signal.SIGINT)
        typist.sees("interrupted")
        typist.prompted("go on\r")
        typist.sees("You said go on.")
        typist.prompted("\x04")
        typist.sees("tokens in")
    (session, *_) = daemon.ask("session.list")["items"]
    shown = daemon.ask("session.show", session=session["id"])
    assert [m["cut"] for m in shown["messages"]] == [False, True, False, False]
    assert shown["messages"][1]["content"].startswith("one two")


def test_a_kill_of_the_daemon_in_an_answer_is_told_and_the_conversation_goes_on(
    tmp_path: Path,
) -> None:
    with vendor(script) as server:
        account(tmp_path / "m", server.url)
        agent(tmp_path / "m", "muse")
        with running(tmp_path / "home") as first:
            first.ask("apply", paths=[str(tmp_path / "m")], timeout=PATIENCE)
            with at_terminal(first, "possess", "@muse", "--new") as typist:
                typist.prompted("a long one\r")
                typist.sees("one two")
                first.process.send_signal(signal.SIGKILL)
                first.process.wait()
                typist.sees("p42: ")
                with running(tmp_path / "home") as second:
                    second.ask("wait", refs=["account/main"], timeout=PATIENCE, **{"for": "Ready"})
                    (session,) = second.ask("session.list")["items"]
                    shown = second.ask("session.show", session=session["id"])["messages"]
                    assert [m["cut"] for m in shown] == [False, True]
                    assert shown[1]["content"].startswith("one two")
                    typist.prompted("go on\r")
                    typist.sees("You said go on.")
                    typist.prompted("\x04")
                    typist.sees("tokens in")
                    shown = second.ask("session.show", session=session["id"])["messages"]
                    assert [m["cut"] for m in shown] == [False, True, False, False]


def test_a_daemon_that_has_ended_is_started_again_by_the_next_message(tmp_path: Path) -> None:
    with vendor(script) as server:
        account(tmp_path / "m", server.url)
        agent(tmp_path / "m", "muse")
        with running(tmp_path / "home") as first:
            first.ask("apply", paths=[str(tmp_path / "m")], timeout=PATIENCE)
            with at_terminal(first, "possess", "@muse", "--new", P42_GATEWAY_PORT="0") as typist:
                typist.prompted("hello\r")
                typist.sees("You said hello.")
                first.stop()
                try:
                    typist.prompted("again\r")
                    typist.sees("You said again.")
                    typist.prompted("\x04")
                    typist.sees("tokens in")
                finally:
                    subprocess.run(
                        [sys.executable, "-m", "p42", "stop"], capture_output=True, check=False,
                        env={**os.environ, "P42_HOME": str(first.home)}, timeout=PATIENCE,
                    )  # fmt: skip


def test_for_scripts_it_is_one_message_and_json(daemon: Daemon) -> None:
    env = {**os.environ, "P42_HOME": str(daemon.home)}
    done = subprocess.run(
        [sys.executable, "-m", "p42", "possess", "@ai-muse", "hi", "--session=sc-1", "-ojson"],
        capture_output=True, text=True, env=env, check=False, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["answer"], told["session"], told["agent"]) == ("**You** said hi.", "sc-1", "muse")
    assert set(told["usage"]) == {"inputTokens", "outputTokens", "cachedTokens", "costMicroUsd"}


def test_an_unknown_agent_is_an_error_that_names_those_there_are(daemon: Daemon) -> None:
    env = {**os.environ, "P42_HOME": str(daemon.home)}
    done = subprocess.run(
        [sys.executable, "-m", "p42", "possess", "@nobody", "hi"],
        capture_output=True, text=True, env=env, check=False, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3
    assert "there is: @muse" in done.stderr


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("no end", 0),
        ("a line\n", 0),
        ("a paragraph\n\nmore", len("a paragraph\n\n")),
        ("```py\nx = 1\n\ny = 2\n", 0),
        ("```py\nx = 1\n\n```\nmore", len("```py\nx = 1\n\n```\n")),
    ],
)
def test_a_block_is_over_where_nothing_can_join_it(text: str, end: int) -> None:
    assert end_of_block(text) == end
