"""What a person says arrives as text, and a script learns what came of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Said
from tests.cli.scripted import Parts, Refusal, Scripted
from tests.cli.test_possess import MADE, answer

REPLACED = "p42: what was no UTF-8 text was replaced by \N{REPLACEMENT CHARACTER}\n"
ARGUMENT = b"caf\xe9".decode("utf-8", "surrogateescape")  # as Python hands an argument on
PROBLEM = {"name": "", "file": "", "diff": "", "problem": "it holds no script"}


@pytest.fixture
def daemon(daemon: Scripted, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    typed(monkeypatch, b"")
    daemon.answers["session.list"] = {"items": []}
    daemon.answers["say"] = daemon.answers["ask"] = Parts([{"text": "hi"}, answer()])
    return daemon


def typed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


@pytest.mark.parametrize(("command", "verb", "key"), [
    (("possess", "@muse"), "say", "message"), (("ask",), "ask", "question"),
])  # fmt: skip
def test_what_is_no_utf8_is_replaced_and_it_is_said(
    daemon: Scripted, p42: Callable[..., Said], monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...], verb: str, key: str,
) -> None:  # fmt: skip
    """`printf 'caf\\xe9' | p42 possess @muse` was `Invalid JSON request`."""
    typed(monkeypatch, b"caf\xe9\n")
    said = p42(*command, "Is this right?")
    assert (said.code, said.err) == (0, REPLACED)
    assert daemon.payload(verb)[key] == "Is this right?\n\ncaf\N{REPLACEMENT CHARACTER}"
    typed(monkeypatch, b"")
    said = p42(*command, ARGUMENT)
    assert (said.code, said.err) == (0, REPLACED)
    assert daemon.payload(verb)[key] == "caf\N{REPLACEMENT CHARACTER}"
    typed(monkeypatch, "café 🌊\n".encode())
    assert p42(*command).err == ""
    assert daemon.payload(verb)[key] == "café 🌊"


def test_any_other_argument_that_is_no_utf8_says_so(
    daemon: Scripted, p42: Callable[..., Said]
) -> None:
    said = p42("possess", "@muse", "hi", "--model", ARGUMENT)
    assert (said.code, "no UTF-8 text; nothing was sent" in said.err) == (3, True)


def test_an_answer_that_is_wanted_whole_is_streamed(
    daemon: Scripted, p42: Callable[..., Said]
) -> None:
    """Who closes a stream ends the answer; one that is asked for whole goes on to its end."""
    for command in (("possess", "@muse"), ("ask",)):
        told = json.loads(p42(*command, "hi", "-o", "json").out)
        assert told["answer"] == "hi"
    assert p42("ask", "hi", "--no-stream").out == "hi\n"
    assert daemon.streamed == ["say", "ask", "ask"]


@pytest.mark.parametrize(("forged", "code"), [
    ([MADE], 0), ([PROBLEM, MADE], 0), ([PROBLEM], 1), ([], 1),
])  # fmt: skip
def test_a_forge_that_makes_nothing_is_exit_1(
    daemon: Scripted, p42: Callable[..., Said], forged: list[object], code: int
) -> None:
    daemon.answers["say"] = Parts([answer(forged=forged)])
    for words in ((), ("-o", "json")):
        said = p42("possess", "@muse", "/forge a lamp", *words)
        assert (said.code, bool(said.out)) == (code, bool(words) or code == 0)
        assert code == 0 or "no command was made: " in said.err
    assert p42("possess", "@muse", "hi").code == 0


def test_a_model_that_is_no_name_lets_one_go(daemon: Scripted, p42: Callable[..., Said]) -> None:
    for given, sent in ((("--model", ""), ""), ((), None)):
        p42("possess", "@muse", "hi", *given)
        assert daemon.payload("say")["model"] == sent


def test_a_daemon_that_stops_is_not_named_twice(
    daemon: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    from p42.cli.repl import loop
    from p42.cli.repl.talk import Talk

    def stopping(_: object) -> object:
        raise Refusal("p42 is stopping", code=1)

    daemon.answers["session.list"] = stopping
    assert loop._done(Talk("muse"), "/sessions")
    assert capsys.readouterr().err == "p42 is stopping\n"
