"""At a terminal a person is asked, sees all of it, and y, always and anything else are heard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from p42.cli.repl.asking import SHOWN, question
from p42.model.completion import ToolCall
from tests.cli.test_repl import at_terminal
from tests.doors.daemons import PATIENCE, Daemon, declare, running
from tests.doors.vendor import account, agent, vendor
from tests.providers.vendors.script import Say
from tests.tools.shop import needs_sandbox


def script(seen: Any) -> Say:
    last = seen.body["messages"][-1]
    if last["role"] == "tool":
        return Say(f"It gave {json.dumps(last['content'])}")
    arguments = {"args": [last["content"], "[red]x"]}
    return Say("", calls=(ToolCall("c1", "command_hello", arguments),))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("terminal")
    with vendor(script) as server:
        account(root / "m", server.url)
        agent(root / "m", "muse", permissions="{}")
        declare(root / "m", "hello", 'echo "hello-$1"')
        with running(root / "home") as started:
            started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
            yield started


@needs_sandbox
def test_a_person_is_asked_before_a_command_is_run(daemon: Daemon) -> None:
    with at_terminal(daemon, "possess", "@muse", "--new") as typist:
        typist.prompted("one\r")
        typist.sees('it wants to call command/hello ["one", "[red]x"]')
        typist.sees("[y/N/always]")
        typist.type("\r")
        typist.sees("a person said no to command/hello")
        typist.prompted("two\r")
        typist.sees("[y/N/always]")
        typist.type("always\r")
        typist.sees("hello-two")
        typist.prompted("three\r")
        typist.sees("hello-three")
        assert typist.screen.count("[y/N/always]") == 2
        typist.prompted("/end\r")


@needs_sandbox
def test_one_message_at_a_terminal_asks_too(daemon: Daemon) -> None:
    with at_terminal(daemon, "possess", "@muse", "--new", "once") as typist:
        typist.sees("[y/N/always]")
        typist.type("y\r")
        typist.sees("hello-once")


def test_what_is_asked_cannot_drive_the_terminal_or_hide_its_length() -> None:
    asked = {"id": "q", "tool": "command/hello", "arguments": {"args": ["\x1b[2J" + "x" * 9000]}}
    text = question(asked)
    assert text.isprintable()
    assert len(text) < SHOWN + 100
    assert text.endswith(" more characters")
