"""How a sitting with an agent begins, and how it ends: who answers, in which conversation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.cli.repl.loop import HELP
from p42.cli.repl.voice import Voice
from tests.cli.test_repl import at_terminal
from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent, vendor
from tests.providers.vendors.script import Say

ASKED = threading.Event()


def script(seen: Any) -> Say:
    asked = seen.body["messages"][-1]["content"]
    if asked.endswith("long one"):
        ASKED.set()
        return Say("one two three four", hold=asyncio.Event(), after=3)
    return Say(f"You said {asked} to {seen.body['model']}.")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("sitting")
    with vendor(script) as server:
        account(root / "m", server.url)
        agent(root / "m", "muse")
        agent(root / "m", "echo")
        with running(root / "home") as started:
            started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
            yield started


def p42(daemon: Daemon, *words: str, stdin: bytes = b"") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "p42", *words], input=stdin, capture_output=True, check=False,
        env={**os.environ, "P42_HOME": str(daemon.home)}, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_new_begins_anew_at_a_terminal_too(daemon: Daemon) -> None:
    """It went on with the latest one, and said `/new begins anew`."""
    daemon.ask("say", agent="muse", session="old", message="hello")
    with at_terminal(daemon, "possess", "@muse", "--new") as typist:
        typist.prompted("hello\r")
        typist.sees("You said hello")
        typist.prompted("\x04")
        typist.sees("tokens in")
    assert "going on with" not in typist.screen
    assert daemon.ask("session.show", session="old")["agent"] == "muse"
    assert len(daemon.ask("session.show", session="old")["messages"]) == 2


@pytest.mark.parametrize("name", ["@nobody", "@muse/x", "@../../../../tmp/x"])
def test_nobody_is_no_sitting_and_no_file(daemon: Daemon, name: str) -> None:
    """A terminal was given a prompt, and the name became a path of the history."""
    _, _, told = p42(daemon, "possess", name, "hi")
    with at_terminal(daemon, "possess", name, ends=3) as typist:
        typist.sees("no agent is called")
    assert "there is: @echo, @muse" in told
    assert "going on" not in typist.screen
    history = daemon.home / "history"
    assert not history.exists() or {p.name for p in history.iterdir()} <= {"muse", "echo"}


def test_who_answers_is_who_the_prompt_names(daemon: Daemon) -> None:
    daemon.ask("say", agent="muse", session="hers-1", message="hello")
    with at_terminal(daemon, "possess", "@echo", "--session", "hers-1") as typist:
        typist.sees("hers-1 is a conversation with @muse, who answers in it")
        typist.prompted("\x04")
    code, _, told = p42(daemon, "possess", "@echo", "hi", "--session", "hers-1")
    assert (code, "with @muse, who answers in it" in told) == (0, True)
    code, _, told = p42(daemon, "possess", "@muse", "hi", "--session", "hers-1")
    assert (code, told) == (0, "")


def test_the_beginning_of_an_id_is_a_new_id_and_says_so(daemon: Daemon) -> None:
    """A script chooses its ids: `run-1` is not `run-12`."""
    daemon.ask("say", agent="muse", session="run-12", message="hello")
    code, _, told = p42(daemon, "possess", "@muse", "hi", "--session", "run-1")
    assert (code, told) == (0, "run-1 is a new conversation; there is: run-12\n")
    assert len(daemon.ask("session.show", session="run-12")["messages"]) == 2
    assert p42(daemon, "possess", "@muse", "hi", "--session", "run-1")[2] == ""


def test_ctrl_c_ends_an_answer_that_is_wanted_whole(daemon: Daemon) -> None:
    """It was said to nobody, to the last word, and billed."""
    ASKED.clear()
    program = subprocess.Popen(
        [sys.executable, "-m", "p42", "possess", "@muse", "a long one", "--session", "js",
         "-o", "json"],
        env={**os.environ, "P42_HOME": str(daemon.home)}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert ASKED.wait(PATIENCE)
    program.send_signal(signal.SIGINT)
    out, _ = program.communicate(timeout=PATIENCE)
    assert (program.returncode, out) == (130, b"")
    # Somebody who still spoke would have the floor.
    told = daemon.ask("say", agent="muse", session="js", message="go on", timeout=10.0)
    assert told["answer"].endswith("go on to gpt-4o.")


@pytest.mark.parametrize("back", ["", "default"])
def test_a_model_that_was_chosen_can_be_let_go(daemon: Daemon, back: str) -> None:
    session = ("--session", f"models{back}")
    assert "to gpt-9." in p42(daemon, "possess", "@muse", "a", "--model", "gpt-9", *session)[1]
    assert "to gpt-9." in p42(daemon, "possess", "@muse", "b", *session)[1]
    assert "to gpt-4o." in p42(daemon, "possess", "@muse", "c", "--model", back, *session)[1]
    assert "to gpt-4o." in p42(daemon, "possess", "@muse", "d", *session)[1]


def test_what_was_interrupted_is_in_the_bill_and_the_model_can_be_let_go(daemon: Daemon) -> None:
    with at_terminal(daemon, "possess", "@muse", "--new", "--model", "gpt-9") as typist:
        typist.prompted("a long one\r")
        typist.sees("one two")
        typist.type("\x03")
        typist.sees("interrupted")
        typist.prompted("/cost\r")
        typist.sees("and 1 that broke off; p42 usage counts")
        typist.prompted("/model default\r")
        typist.sees("model: the agent's own")
        typist.prompted("now\r")
        typist.sees("You said now to gpt-4o")
        typist.prompted("\x04")
        typist.sees("tokens in")
    assert "^C" not in typist.screen  # what is echoed below a drawing moves it


def test_a_command_starts_a_daemon_that_has_ended_too(tmp_path: Path) -> None:
    with vendor(script) as server:
        account(tmp_path / "m", server.url)
        agent(tmp_path / "m", "muse")
        with running(tmp_path / "home") as first:
            first.ask("apply", paths=[str(tmp_path / "m")], timeout=PATIENCE)
            with at_terminal(first, "possess", "@muse", "--new", P42_GATEWAY_PORT="0") as typist:
                typist.prompted("hello\r")
                typist.sees("You said hello")
                first.stop()
                try:
                    typist.prompted("/sessions\r")
                    typist.sees("active  2  hello")
                    typist.prompted("\x04")
                    typist.sees("tokens in")
                finally:
                    p42(first, "stop")


def test_a_terminal_echoes_nothing_into_an_answer_and_then_again() -> None:
    ours, theirs = pty.openpty()

    def echoes() -> bool:
        return bool(termios.tcgetattr(theirs)[3] & termios.ECHO)

    from rich.console import Console

    try:
        with open(theirs, "w", closefd=False) as screen:
            voice = Voice(Console(file=screen, force_terminal=True))
            with contextlib.suppress(KeyboardInterrupt), voice:
                assert not echoes()
                with voice.aside():
                    assert echoes()
                assert not echoes()
                raise KeyboardInterrupt
            assert echoes()
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_help_fits_a_narrow_terminal() -> None:
    assert max(map(len, HELP.splitlines())) < 80
