"""What a sitting answers about itself: its conversations, its model, and at its end its bill."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from p42.cli.repl.talk import Talk
from tests.cli.test_repl import at_terminal
from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent, vendor
from tests.providers.vendors.script import Say


def script(seen: Any) -> Say:
    if "slow" in str(seen.body["messages"][-1]["content"]):
        return Say("one two three four five six", hold=asyncio.Event(), after=5)
    return Say(f"You said {seen.body['messages'][-1]['content']}.")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("farewell")
    with vendor(script) as server:
        account(root / "m", server.url)
        for name in ("muse", "echo"):
            agent(root / "m", name)
        with running(root / "home") as started:
            started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
            yield started


def test_the_bill_of_a_sitting_is_not_put_on_its_last_conversation(daemon: Daemon) -> None:
    """`mir-1: 8 messages` stood there, and seven of them were in another."""
    daemon.ask("say", agent="muse", session="mir-1", message="before")
    with at_terminal(daemon, "possess", "@muse", "--new") as typist:
        typist.prompted("hello\r")
        typist.sees("You said hello.")
        typist.prompted("/resume mir-1\r")
        typist.prompted("again\r")
        typist.sees("You said again.")
        typist.prompted("\x04")
        typist.sees("this sitting: 2 messages, 20 tokens in")
        typist.sees("the last conversation: mir-1")
    assert "mir-1: " not in typist.screen


def test_a_sitting_without_a_word_says_so(daemon: Daemon) -> None:
    with at_terminal(daemon, "possess", "@muse", "--new") as typist:
        typist.prompted("\x04")
        typist.sees("nothing was said")
    assert "tokens" not in typist.screen


def test_one_message_is_no_messages() -> None:
    assert Talk("muse", messages=1, uncounted=1).bill.startswith("1 message, 0 tokens in")
    assert "(of 1 message nobody knows)" in Talk("muse", uncounted=1).bill
    assert Talk("muse", messages=2).bill.startswith("2 messages, ")
    assert Talk("muse", broken=1).farewell.startswith("this sitting: 0 messages, ")


def test_resume_alone_asks_which_and_lists_them(daemon: Daemon) -> None:
    """It said: there is no session ''."""
    with at_terminal(daemon, "possess", "@echo", "--new") as typist:
        typist.sees("@echo >")
        typist.type("/resume\r")
        typist.sees("which one? /resume ID; the latest with @echo:")
        typist.sees("none; archived ones: p42 session list --archived")
        daemon.ask("say", agent="echo", session="run-7", message="hello")
        typist.sees("@echo >")
        typist.type("/resume\r")
        typist.sees("run-7  active  2  hello")
        typist.sees("@echo >")
        typist.type("\x04")
        typist.sees("nothing was said")


def test_model_alone_names_the_one_that_is_known(daemon: Daemon) -> None:
    """It said: the one this conversation keeps, else the agent's."""
    daemon.ask("say", agent="muse", session="kept", message="hello", model="gpt-9")
    with at_terminal(daemon, "possess", "@muse", "--session", "fresh") as typist:
        typist.prompted("/model\r")
        typist.sees("model: the agent's own\r\n")
        typist.prompted("hello\r")
        typist.sees("You said hello.")
        typist.prompted("/model\r")
        typist.sees("model: the agent's own; gpt-4o answered last")
        typist.prompted("/resume kept\r")
        typist.prompted("/model\r")
        typist.sees("model: gpt-9\r\n")
        typist.prompted("/model gpt-7\r")
        typist.sees("model: gpt-7\r\n")
        typist.prompted("/model\r")
        typist.sees("model: gpt-7\r\n")
        typist.prompted("/model default\r")
        typist.sees("model: the agent's own\r\n")
        typist.prompted("\x04")
        typist.sees("tokens in")


def test_an_answer_that_came_in_part_is_late_by_what_was_typed(daemon: Daemon) -> None:
    """It said `did not answer within 0.99 s`, and its words stood above."""
    done = subprocess.run(
        [sys.executable, "-m", "p42", "possess", "@muse", "slow", "--new", "--timeout", "3s"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=PATIENCE,
        env={**os.environ, "P42_HOME": str(daemon.home)},
    )  # fmt: skip
    assert (done.returncode, done.stdout.startswith("one two")) == (4, True)
    assert "account/main: its answer was not whole within 3 s; give it" in done.stderr.lower()
