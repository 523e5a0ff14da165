"""A project's socket answers through its agent, knows its project, and can be taken by a person."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.client import link
from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent, vendor
from tests.providers.vendors import OpenAIServer
from tests.providers.vendors.script import Say


def recall(seen: Any) -> Say:
    said = [m["content"] for m in seen.body["messages"] if m["role"] == "user"]
    return Say("I heard: " + " | ".join(said))


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIServer]:
    with vendor(recall) as server:
        yield server


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, model: OpenAIServer) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("projects")
    (root / "tea").mkdir()
    (root / "tea" / "README.md").write_text("# Tea\n\nBrews tea with care.\n")
    account(root / "m", model.url)
    agent(root / "m", "engineer", persona="You are steady.")
    for name in ("tea", "milk"):
        (root / "m" / f"{name}-ci.yaml").write_text(
            f"apiVersion: p42.dev/v1\nkind: ProjectCI\nmetadata: {{name: {name}}}\nspec:\n"
            f"  project: {name.title()}\n  path: ../tea\n  agentRef: engineer\n"
            "  context: Mind the kettle.\n"
        )
    with running(root / "home", P42_PROJECTS_PORT_BASE="0") as started:
        results = started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
        assert {each["ready"] for each in results["results"]} == {"True"}, results
        yield started


def port(daemon: Daemon, name: str) -> int:
    item = daemon.ask("get", kind="projectci", names=[name])["items"][0]
    return int(str(item["status"]["endpoint"]).rpartition(":")[2])


def chat(daemon: Daemon, name: str, text: str) -> Any:
    """As a Tekton client does."""
    with socket.create_connection(("127.0.0.1", port(daemon, name)), timeout=PATIENCE) as door:
        door.sendall(json.dumps({"type": "chat", "content": text}).encode() + b"\n")
        return json.loads(door.makefile("rb").readline())


def test_chat_answers_through_the_agent_with_the_projects_page(
    daemon: Daemon, model: OpenAIServer
) -> None:
    reply = chat(daemon, "tea", "how hot?")
    assert reply["type"] == "response"
    assert reply["content"].startswith("I heard: What stands between lines")
    assert reply["content"].endswith("\n\nhow hot?")
    assert " README.md]\n# Tea" in reply["content"]
    system = model.completions[-1].body["messages"][0]["content"]
    assert system.startswith("You are steady.\n\nProject Tea at /")
    assert system.endswith("\n\nMind the kettle.")
    again = chat(daemon, "tea", "how long?")
    assert again["content"].endswith("\n\nhow hot? | how long?")
    assert daemon.ask("session.show", session="projectci/tea")["agent"] == "engineer"


class Terminal(threading.Thread):
    """A person's terminal: shows what comes and, if `shows`, says so."""

    def __init__(self, daemon: Daemon, name: str, *, shows: bool = True) -> None:
        super().__init__(daemon=True)
        self._daemon, self._name, self._shows = daemon, name, shows
        self.got: list[dict[str, Any]] = []
        self._parts = self._daemon.stream("terminal.attach", name=name)

    def run(self) -> None:
        for part in self._parts:
            if "attached" in part["stream"]:
                continue
            self.got.append(part["stream"])
            if self._shows:
                asked = {"id": part["stream"]["id"]}
                link.ask(str(self._daemon.home), "terminal.shown", asked, timeout=PATIENCE)
            return

    def attached(self) -> Terminal:
        self.start()
        while self._name not in [each["target"] for each in self._forwards() if each["attached"]]:
            assert self.is_alive()
        return self

    def _forwards(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._daemon.ask("project.forwards")["items"]
        return items


def test_a_message_goes_to_the_person_and_falls_back_when_nobody_shows_it(daemon: Daemon) -> None:
    told = daemon.ask("project.forward", project="milk", target="jill")
    assert told == {"project": "milk", "target": "jill", "attached": False, "companion": False}
    assert chat(daemon, "milk", "anyone?")["content"].endswith("anyone?")
    jill = Terminal(daemon, "jill").attached()
    assert chat(daemon, "milk", "hello")["content"] == "Message forwarded to jill"
    jill.join(PATIENCE)
    assert [(each["from"], each["text"]) for each in jill.got] == [("milk", "hello")]
    assert daemon.ask("project.unforward", project="milk")["was"] == "jill"
    assert daemon.ask("project.unforward", project="milk")["was"] == ""
    assert "again" in chat(daemon, "milk", "again")["content"]


def test_another_projects_companion_can_answer(daemon: Daemon, model: OpenAIServer) -> None:
    told = daemon.ask("project.forward", project="Milk", target="tea")
    assert (told["project"], told["attached"], told["companion"]) == ("milk", False, True)
    before = len(model.completions)
    assert "over to you" in chat(daemon, "milk", "over to you")["content"]
    assert len(model.completions) == before + 1
    daemon.ask("project.unforward", project="milk")


@pytest.mark.parametrize(
    ("project", "target"), [("tea", "tea"), ("tea", "../x"), ("none", "jill"), ("tea", "")]
)
def test_what_cannot_be_forwarded_is_refused(daemon: Daemon, project: str, target: str) -> None:
    from p42.model.errors import P42Error

    with pytest.raises(P42Error):
        daemon.ask("project.forward", project=project, target=target)


def test_a_forward_outlives_the_daemon(tmp_path: Path, model: OpenAIServer) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "one.yaml").write_text(
        "apiVersion: p42.dev/v1\nkind: ProjectCI\nmetadata: {name: one}\nspec: {project: One}\n"
    )
    home = tmp_path / "home"
    for attempt in range(2):
        with running(home, P42_PROJECTS_PORT_BASE="0") as daemon:
            daemon.ask("apply", paths=[str(tmp_path / "m")], timeout=PATIENCE)
            if attempt == 0:
                daemon.ask("project.forward", project="one", target="jill")
            items = daemon.ask("project.forwards")["items"]
            assert [(each["project"], each["target"]) for each in items] == [("one", "jill")]
