"""`p42 possess` in a script and its /commands: where commands go, and what is told of an answer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p42.cli.repl import loop
from p42.cli.repl.talk import CUT, Talk
from p42.model.errors import InvalidInput
from tests.cli.conftest import Said
from tests.cli.scripted import Parts, Refusal, Scripted

MADE = {"name": "greet", "file": "/t/cmds/greet.yaml", "diff": "+ echo hi\n", "problem": "",
        "waits": True}  # fmt: skip


def answer(**more: Any) -> dict[str, Any]:
    usage = {"inputTokens": 1, "outputTokens": 1, "cachedTokens": 0, "costMicroUsd": 0}
    return {"answer": "hi", "session": "s-1", "agent": "muse", "account": "main", "model": "m",
            "usage": usage, "requestId": "r", "stop": "end", "forged": [], **more}  # fmt: skip


@pytest.fixture
def daemon(daemon: Scripted, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    daemon.answers["session.list"] = {"items": []}
    for verb in ("say", "say.into"):
        daemon.answers[verb] = Parts([{"text": "hi"}, answer()])
    return daemon


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person stands."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verbs(daemon: Scripted) -> list[str]:
    return [verb for verb, _ in daemon.asked if verb.startswith("say")]


def test_a_directory_is_meant_from_where_the_person_stands(
    daemon: Scripted, p42: Callable[..., Said], here: Path
) -> None:
    assert p42("possess", "@muse", "make greet", "--into", "cmds/../more").code == 0
    assert daemon.payload("say.into")["into"] == str(here / "more")
    assert p42("possess", "@muse", "make greet").code == 0
    assert verbs(daemon) == ["say.into", "say"]
    assert "into" not in daemon.payload("say")


def test_a_directory_that_will_not_do_is_exit_3(
    daemon: Scripted, p42: Callable[..., Said], here: Path
) -> None:
    def refuse(_: Any) -> Any:
        raise Refusal(f"{here} lies in no directory that p42 follows", code=3)

    daemon.answers["say.into"] = refuse
    said = p42("possess", "@muse", "make greet", "--into", ".")
    assert (said.code, "no directory that p42 follows" in said.err) == (3, True)


def test_the_home_of_nobody_is_no_directory(daemon: Scripted, p42: Callable[..., Said]) -> None:
    said = p42("possess", "@muse", "make greet", "--into", "~nobody-here/x")
    assert (said.code, "nobody has that name" in said.err) == (3, True)
    assert verbs(daemon) == []


def test_a_conversation_of_a_project_is_not_gone_on_with_unasked(daemon: Scripted) -> None:
    """`possess @engineer` went on in the chat of a project whose companion it is."""
    items = [
        {"id": "projectci/numa", "state": "active", "messages": 9},
        {"id": "mine", "state": "idle", "messages": 2},
        {"id": "projectci/tea", "state": "active", "messages": 4},
    ]
    daemon.answers["session.list"] = lambda asked: {"items": items[: asked["limit"]]}
    talk = Talk("engineer")
    assert talk.resume().startswith("going on with mine (2 messages)")
    assert talk.session == "mine"
    del items[1]
    talk = Talk("engineer")
    assert (talk.resume(), talk.session) == ("", "")


def test_what_was_made_says_where_it_stands_and_what_to_do(
    daemon: Scripted, p42: Callable[..., Said]
) -> None:
    daemon.answers["say"] = Parts([answer(forged=[MADE])])
    said = p42("possess", "@muse", "make greet")
    assert "+ echo hi" in said.out
    assert "command/greet stands in /t/cmds/greet.yaml and waits for you" in said.err
    assert "p42 approve command/greet" in said.err
    told = json.loads(p42("possess", "@muse", "make greet", "-o", "json").out)
    assert told["forged"] == [MADE]


def test_what_was_agreed_to_already_is_not_said_to_wait(
    daemon: Scripted, p42: Callable[..., Said]
) -> None:
    daemon.answers["say"] = Parts([answer(forged=[{**MADE, "diff": "", "waits": False}])])
    said = p42("possess", "@muse", "make greet")
    assert "command/greet stands in /t/cmds/greet.yaml as you agreed to it" in said.err
    assert "p42 approve" not in said.err


def test_an_answer_that_was_cut_says_so_to_people_and_programs(
    daemon: Scripted, p42: Callable[..., Said]
) -> None:
    daemon.answers["say"] = Parts([answer(stop="length")])
    for words in ((), ("-o", "json")):
        said = p42("possess", "@muse", "talk", *words)
        assert (said.code, CUT in said.err) == (0, True)
    assert json.loads(said.out)["stop"] == "length"
    daemon.answers["say"] = Parts([answer()])
    assert CUT not in p42("possess", "@muse", "talk").err


@pytest.mark.parametrize(("typed", "into", "message"), [
    ("/forge --into cmds a command that it's for", "cmds", "/forge a command that it's for"),
    ("/forge --into='my cmds' a lamp", "my cmds", "/forge a lamp"),
    ('/forge --into "my cmds"', "my cmds", "/forge"),
    ("/forge --into ~/x fix", "me/x", "/forge fix"),
])  # fmt: skip
def test_a_directory_can_be_named_for_one_command(
    daemon: Scripted, here: Path, typed: str, into: str, message: str
) -> None:
    talk = Talk("muse")
    assert loop._command(talk, typed)
    payload = daemon.payload("say.into")
    assert (payload["into"], payload["message"]) == (str(here / into), message)
    assert talk.into == ""
    loop._command(talk, "/forge again")
    assert verbs(daemon) == ["say.into", "say"]


def test_a_directory_can_be_set_for_the_sitting(
    daemon: Scripted, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk = Talk("muse")
    daemon.answers["forge.into"] = lambda asked: {"into": asked["into"]}
    for typed, into in (("/into cmds", "cmds"), ("/into", "cmds"), ('/into "a b"', "a b")):
        loop._command(talk, typed)
        assert talk.into == str(here / into)
        assert capsys.readouterr().err == f"commands go to {here / into}\n"
    loop._command(talk, "/forge fix")
    assert daemon.payload("say.into")["message"] == "/forge fix"
    loop._command(talk, "/into -")
    assert (talk.into, capsys.readouterr().err.splitlines()[-1]) == ("", "commands go to the home")


def test_a_directory_that_will_not_do_is_refused_when_it_is_set(
    daemon: Scripted, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was taken, and every message after it failed."""

    def refuse(asked: Any) -> Any:
        assert asked == {"agent": "muse", "into": str(here / "tmp")}
        raise Refusal("/tmp lies in no directory that p42 follows", code=3)

    daemon.answers["forge.into"] = refuse
    talk = Talk("muse", into="/before")
    assert loop._done(talk, "/into tmp")
    assert (talk.into, "no directory that p42 follows" in capsys.readouterr().err) == (
        "/before", True,
    )  # fmt: skip


@pytest.mark.parametrize("word", [
    "/help", "/end", "/model big", "/cost", "/sessions", "/resume s-1", "/into cmds", "/new",
])  # fmt: skip
def test_a_command_of_the_sitting_is_no_message_of_a_script(
    daemon: Scripted, p42: Callable[..., Said], word: str
) -> None:
    """It went to the model and was paid for."""
    said = p42("possess", "@muse", word)
    assert (said.code, verbs(daemon)) == (64, [])
    assert f"{word.split()[0]} is for a conversation line by line" in said.err


@pytest.mark.parametrize("words", [
    ["/etc/passwd: who reads it?"], ["/helpful or not"], ["/", "x"], ["what does /help do?"],
    ["/forge a command"], ["/models"],
])  # fmt: skip
def test_a_path_or_another_word_is_a_message(
    daemon: Scripted, p42: Callable[..., Said], words: list[str]
) -> None:
    p42("possess", "@muse", *words)
    assert daemon.payload("say")["message"] == " ".join(words)


def test_a_conversation_that_is_named_and_new_is_a_contradiction(
    daemon: Scripted, p42: Callable[..., Said]
) -> None:
    said = p42("possess", "@muse", "hi", "--session", "x1", "--new")
    assert (said.code, verbs(daemon)) == (64, [])
    assert "--session" in said.err and "--new" in said.err  # noqa: PT018 - one sentence


def test_a_refused_directory_holds_for_no_other_command(daemon: Scripted, here: Path) -> None:
    def refuse(_: Any) -> Any:
        raise Refusal("no", code=3)

    daemon.answers["say.into"] = refuse
    talk = Talk("muse")
    with pytest.raises(InvalidInput):
        loop._command(talk, "/forge --into cmds x")
    assert talk.into == ""


def test_the_help_tells_of_it() -> None:
    for word in ("--into DIR", "/forge fix", "/into"):
        assert word in loop.HELP


def test_what_is_thought_in_pieces_is_a_line_beside_the_answer(
    daemon: Scripted, p42: Callable[..., Said]
) -> None:
    pieces = [{"thinking": "Is\n\nit "}, {"thinking": "five?\x1b[31m"}, {"text": "Four."},
              {"thinking": "\n\n"}, {"thinking": "x" * 10_000}, {"tool": "Bash", "arguments": {}},
              {"thinking": " "}]  # fmt: skip
    daemon.answers["say"] = Parts([*pieces, answer()])
    said = p42("possess", "@muse", "2 + 2?")
    assert said.out == "Four.\n"
    first, second, third = said.err.splitlines()[:3]
    assert first.startswith("· thinking: Is it five?")
    assert "\x1b" not in first
    assert second == f"· thinking: {'x' * 200}"
    assert third.startswith("· calls Bash")
    assert "thinking" not in p42("possess", "@muse", "2 + 2?", "-o", "json").out
