"""A terminal shows what is forwarded to it, and says what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from p42.cli import forwarding
from tests.cli.conftest import Said
from tests.cli.scripted import Parts, Refusal, Scripted

Run = Callable[..., Said]


def attaches(*messages: dict[str, str], ends: str = "stopped for good") -> Callable[..., Any]:
    """The stream of a daemon that attaches once, with these messages, and then refuses."""
    left = [Parts([{"attached": "jill"}, *messages, {}])]

    def answer(_: Any) -> Any:
        if not left:
            raise Refusal(ends, code=3)
        return left.pop()

    return answer


def message(text: str, number: str = "1") -> dict[str, str]:
    return {"id": number, "from": "milk", "text": text}


def test_a_terminal_is_promised_nothing_before_it_is_attached(daemon: Scripted, p42: Run) -> None:
    def refuses(_: Any) -> Any:
        raise Refusal("'Bad Name' is no name of a terminal", code=3)

    daemon.answers["terminal.attach"] = refuses
    said = p42("project", "attach", "Bad Name")
    assert (said.code, said.out) == (3, "")
    assert "appear here" not in said.err


def test_what_came_too_late_says_so(daemon: Scripted, p42: Run) -> None:
    daemon.answers["terminal.attach"] = attaches(message("in time"), message("too late", "2"))
    daemon.answers["terminal.shown"] = lambda payload: {"inTime": payload["id"] == "1"}
    said = p42("project", "attach", "jill")
    assert said.out.splitlines() == [
        "[milk] in time", "[milk] too late", "    (too late: its companion answered)"
    ]  # fmt: skip


def test_no_line_of_a_message_looks_like_another_senders(daemon: Scripted, p42: Run) -> None:
    text = "hello\n[numa] send me the key\r\n\x1b[2K[numa] now"
    daemon.answers["terminal.attach"] = attaches(message(text))
    daemon.answers["terminal.shown"] = {"inTime": True}
    shown = p42("project", "attach", "jill").out.splitlines()
    assert [line for line in shown if line.startswith("[")] == ["[milk] hello"]
    assert shown[1].startswith("    [numa] send me the key")
    assert len(shown) == 3


@pytest.mark.parametrize(
    "text", ["x" * 300, "あ" * 200, f"{'x' * 33}{' ' * 40}[numa] now", "\t" * 40]
)
def test_nor_does_one_that_the_terminal_would_break(text: str) -> None:
    parts = forwarding._broken(text.expandtabs(), 33)
    assert "".join(parts) == text.expandtabs()
    wide = [sum(1 if c.isascii() else 2 for c in part) for part in parts]
    assert max(wide) <= 33


def test_a_terminal_outlives_a_restart(
    daemon: Scripted, p42: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forwarding says that it holds over restarts; the terminal ended with `p42 is stopping`."""
    monkeypatch.setattr(forwarding, "AGAIN", 0.01)
    times: list[int] = []

    def answer(_: Any) -> Any:
        times.append(1)
        if len(times) == 2:
            raise Refusal("p42 is stopping", code=1)
        if len(times) == 4:
            raise Refusal("a terminal called 'jill' is attached already", code=3)
        return Parts([{"attached": "jill"}, message(f"message {len(times)}"), {}])

    daemon.answers["terminal.attach"] = answer
    daemon.answers["terminal.shown"] = {"inTime": True}
    said = p42("project", "attach", "jill")
    assert said.out.splitlines() == ["[milk] message 1", "[milk] message 3"]
    assert said.err.count("waiting until p42 is back") == 2
    assert said.code == 3


def test_an_empty_name_is_not_left_out(daemon: Scripted, p42: Run) -> None:
    def refuses(payload: Any) -> Any:
        raise Refusal(f"{payload['target']!r} is no name", code=3)

    daemon.answers["project.forward"] = refuses
    assert "'' is no name" in p42("project", "forward", "milk", "").err


@pytest.mark.parametrize(
    ("told", "words"),
    [({"attached": True, "companion": False}, ""),
     ({"attached": False, "companion": True}, "the companion of tea answers"),
     ({"attached": False, "companion": False}, "nobody is attached as tea")],
)  # fmt: skip
def test_forwarding_says_who_answers(
    daemon: Scripted, p42: Run, told: dict[str, Any], words: str
) -> None:
    daemon.answers["project.forward"] = {"project": "milk", "target": "tea", **told}
    said = p42("project", "forward", "milk", "tea")
    assert said.out == "✓ Forwarding milk messages to tea\n"
    assert words in said.err
    assert bool(words) == bool(said.err)


def test_what_is_not_forwarded_does_not_stop(daemon: Scripted, p42: Run) -> None:
    daemon.answers["project.unforward"] = {"project": "milk", "was": ""}
    assert p42("project", "unforward", "milk").out == (
        "milk is not forwarded: its companion answers\n"
    )
    daemon.answers["project.unforward"] = {"project": "milk", "was": "jill"}
    assert "Stopped forwarding milk (was going to jill)" in p42("project", "unforward", "milk").out


def test_the_list_tells_of_forwards_and_who_is_there(daemon: Scripted, p42: Run) -> None:
    ready = {"conditions": [{"status": "True"}], "endpoint": "127.0.0.1:42100", "state": "asleep"}
    daemon.answers["get"] = {
        "items": [
            {"metadata": {"name": name}, "spec": {}, "status": ready}
            for name in ("a", "b", "c", "d")
        ]
    }
    daemon.answers["project.forwards"] = {
        "items": [
            {"project": "a", "target": "jill", "attached": True, "companion": False},
            {"project": "b", "target": "jack", "attached": False, "companion": False},
            {"project": "c", "target": "a", "attached": False, "companion": True},
        ]
    }
    lines = [line.split() for line in p42("project", "list").out.splitlines()]
    assert [line[-2:] for line in lines] == [
        ["FORWARD", "ATTACHED"], ["jill", "yes"], ["jack", "no"], ["a", "-"], ["-", "-"]
    ]  # fmt: skip
    items = json.loads(p42("project", "list", "-o", "json").out)["items"]
    assert [(each["forward"], each["attached"]) for each in items] == [
        ("jill", True), ("jack", False), ("a", None), (None, None)
    ]  # fmt: skip
