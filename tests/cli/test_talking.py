"""Whom `p42 chat` is for: nothing that was meant for one project goes to another."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cli.conftest import Said
from tests.cli.scripted import Scripted

Run = Callable[..., Said]
TITLES = {"numa": "Numa", "fwd": "Fwd", "with-agent": "With Agent!", "other": "Fwd Too"}


class Companion(threading.Thread):
    """Answers each line with what was said."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.heard: list[str] = []
        self.start()

    def run(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            with line, line.makefile("rb") as lines:
                for each in lines:
                    self.heard.append(json.loads(each)["content"])
                    said = {"type": "response", "content": f"{self.heard[-1]}!"}
                    line.sendall(json.dumps(said).encode() + b"\n")

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.join()


@pytest.fixture
def companion() -> Iterator[Companion]:
    made = Companion()
    yield made
    made.close()


def item(name: str, title: str, port: int | None, message: str = "") -> dict[str, Any]:
    endpoint = {"endpoint": f"127.0.0.1:{port}"} if port else {}
    condition = {"type": "Ready", "status": "True", "reason": "Waiting", "message": message}
    return {
        "metadata": {"name": name}, "spec": {"project": title},
        "status": {"conditions": [condition], **endpoint},
    }  # fmt: skip


@pytest.fixture
def there(daemon: Scripted, companion: Companion) -> dict[str, str]:
    """The projects that are declared, all answered by one companion; a test may take some out."""
    titles = dict(TITLES)

    def get(payload: dict[str, Any]) -> Any:
        wanted = payload.get("names") or list(titles)
        return {"items": [item(name, titles[name], companion.port) for name in wanted]}

    daemon.answers["get"] = get
    return titles


def whom(daemon: Scripted) -> str:
    name: str = daemon.payload("get")["names"][0]
    return name


@pytest.mark.parametrize(
    ("word", "name"),
    [("fwd", "fwd"), ("Fwd", "fwd"), ("FWD", "fwd"), ("projectci/fwd", "fwd"),
     ("With Agent!", "with-agent"), ("with agent!", "with-agent"), ("With-Agent", "with-agent"),
     ("fwd too", "other"), ("fwd-too", "other")],
)  # fmt: skip
def test_a_project_is_called_by_name_or_title_in_any_case(
    daemon: Scripted, there: dict[str, str], p42: Run, companion: Companion, word: str, name: str
) -> None:
    said = p42("chat", word, "a", "secret")
    assert (said.code, said.out) == (0, "a secret!\n")
    assert whom(daemon) == name
    assert companion.heard == ["a secret"]


@pytest.mark.parametrize(
    "words",
    [("Fwdd", "secret"), ("fwdd",), ("With Agnet", "x"), ("with agnt",),
     ("Hello", "who", "are", "you?"), ("hello",)],
)  # fmt: skip
def test_what_calls_no_project_goes_nowhere(
    there: dict[str, str], p42: Run, companion: Companion, words: tuple[str, ...]
) -> None:
    """It went to numa, whose agent may be another vendor's, with the secret in it."""
    said = p42("chat", *words)
    assert (said.code, companion.heard) == (3, [])
    assert "no project is called" in said.err
    assert "p42 chat numa MESSAGE" in said.err
    if "ello" not in words[0]:
        assert "did you mean " in said.err


def test_a_title_that_calls_two_is_none(there: dict[str, str], p42: Run) -> None:
    there["copy"] = "Fwd Too"
    said = p42("chat", "fwd too", "x")
    assert said.code == 3
    assert "2 projects: copy, other" in said.err


def test_a_message_alone_goes_to_numa(daemon: Scripted, there: dict[str, str], p42: Run) -> None:
    assert p42("chat", "hello, who are you?").out == "hello, who are you?!\n"
    assert whom(daemon) == "numa"


@pytest.mark.parametrize("words", [(), ("hello, who are you?",)])
def test_without_numa_a_message_alone_says_so(
    there: dict[str, str], p42: Run, words: tuple[str, ...]
) -> None:
    del there["numa"]
    said = p42("chat", *words)
    assert said.code == 3
    assert "numa, which is not declared" in said.err


def test_a_socket_that_is_not_there_yet_is_waited_for(
    daemon: Scripted, companion: Companion, p42: Run
) -> None:
    """Right after a restart the account is looked at anew, and the socket with it."""
    ready: list[bool] = []

    def wait(payload: dict[str, Any]) -> Any:
        ready.append(payload["refs"] == ["projectci/fwd"] and payload["timeout"] == 9.0)
        return {"items": [], "code": 0}

    daemon.answers["get"] = lambda _: {
        "items": [item("fwd", "Fwd", companion.port if ready else None, "Account/main: InProgress")]
    }
    daemon.answers["wait"] = wait
    assert p42("chat", "fwd", "hello", "--timeout", "9s").out == "hello!\n"
    assert ready == [True]


@pytest.mark.parametrize(("code", "ends"), [(4, 4), (2, 1)])
def test_a_socket_that_does_not_come_says_why(
    daemon: Scripted, p42: Run, code: int, ends: int
) -> None:
    daemon.answers["get"] = {"items": [item("fwd", "Fwd", None, "Agent/muse")]}
    daemon.answers["wait"] = {"items": [], "code": code}
    said = p42("chat", "fwd", "hello")
    assert said.code == ends
    assert "projectci/fwd has no socket yet" in said.err
    assert "Agent/muse" in said.err
