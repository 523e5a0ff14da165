"""`p42 ask` and `p42 chat` through a real daemon, beside vendors that speak by a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.model.errors import P42Error
from tests.doors.daemons import Daemon, running
from tests.e2e.vendor import served
from tests.providers.vendors import AnthropicServer, CutShort, Hang, OpenAIServer, Say, Status
from tests.providers.vendors.http import VendorServer

KEY = "sk-ant-0123456789-canary"
PATIENCE = 30.0  # s; several daemons start at once on two cores


@pytest.fixture
def vendor() -> Iterator[AnthropicServer]:
    with served(AnthropicServer(key=KEY)) as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path / "home", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as started:
        yield started


def document(kind: str, name: str, **spec: Any) -> str:
    body = {"apiVersion": "p42.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    return json.dumps(body) + "\n"


def account(server: VendorServer, name: str = "main", **changed: Any) -> str:
    provider = "openai" if isinstance(server, OpenAIServer) else "anthropic"
    spec = {
        "provider": provider, "key": "env:VENDOR_KEY", "baseUrl": server.url, "models": ["m-1"],
        "default": True, "prices": {"m-1": {"input": 3, "output": 15}}, **changed,
    }  # fmt: skip
    return document("Account", name, **spec)


def apply(daemon: Daemon, *documents: str) -> dict[str, Any]:
    """Declare them, each in a file of its own, as a list in JSON cannot."""
    directory = daemon.home.parent / "manifests"
    directory.mkdir(exist_ok=True)
    for number, text in enumerate(documents):
        (directory / f"{number}.json").write_text(text)
    return daemon.ask("apply", paths=[str(directory)])


def cli(
    daemon: Daemon, *words: str, stdin: str | bytes | None = None
) -> subprocess.CompletedProcess[str]:
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    data: Any = {k: v.encode() if isinstance(v, str) else v for k, v in given.items()}
    done = subprocess.run(
        [sys.executable, "-m", "p42", *words],
        env={**os.environ, "P42_HOME": str(daemon.home)},
        capture_output=True, timeout=60, check=False, **data,
    )  # fmt: skip
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def until(true: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < end, what
        time.sleep(0.05)  # another process has to come to it
    return found


def status(daemon: Daemon, ref: str) -> dict[str, Any]:
    kind, _, name = ref.partition("/")
    condition: dict[str, Any] = daemon.ask("get", kind=kind, names=[name])["items"][0]["status"][
        "conditions"
    ][0]
    return condition


def test_a_question_is_answered_and_its_price_is_told(
    daemon: Daemon, vendor: AnthropicServer
) -> None:
    assert apply(daemon, account(vendor))["code"] == 0
    vendor.script = [Say("Hello from there."), Say("Again.")]
    said = cli(daemon, "ask", "Say", "hello")
    assert (said.returncode, said.stdout, said.stderr) == (0, "Hello from there.\n", "")
    told = json.loads(cli(daemon, "ask", "again", "-o", "json").stdout)
    assert told["requestId"].startswith("req-")
    del told["requestId"]
    assert told == {
        "answer": "Again.", "session": None, "agent": None, "account": "main", "model": "m-1",
        "usage": {"inputTokens": 10, "outputTokens": 5, "cachedTokens": 0, "costMicroUsd": 105},
        "stop": "end",
    }  # fmt: skip
    usage = json.loads(cli(daemon, "usage", "-o", "json").stdout)
    assert usage["total"]["calls"] == 2
    assert usage["total"]["costMicroUsd"] == 210


def test_standard_input_is_context_or_the_question(daemon: Daemon, vendor: AnthropicServer) -> None:
    apply(daemon, account(vendor))
    asks: list[tuple[tuple[str, ...], str | bytes, str]] = [
        (("What is it?",), "a red fox\n", "What is it?\n\na red fox"),
        ((), "Why?\n", "Why?"),
        (("Why?",), "", "Why?"),
        (("Why?",), b"\xff\xfe", "Why?\n\n��"),
    ]
    for words, stdin, asked in asks:
        assert cli(daemon, "ask", *words, stdin=stdin).returncode == 0
        assert vendor.completions[-1].body["messages"][-1]["content"] in (
            asked, [{"type": "text", "text": asked}],
        )  # fmt: skip
    assert cli(daemon, "ask").returncode == 3
    assert cli(daemon, "ask", "x", stdin="y" * (2 << 20)).returncode == 3


def test_an_agent_brings_its_persona_its_account_and_its_settings(
    daemon: Daemon, vendor: AnthropicServer
) -> None:
    apply(
        daemon,
        account(vendor),
        document("Agent", "muse", persona="You are muse.", temperature=0.5, maxTokens=77),
        document("Agent", "tool", runtime="process", process={"command": "cat"}),
    )
    told = cli(daemon, "ask", "hi", "--agent", "@muse", "--system", "Be brief.", "-o", "json")
    assert json.loads(told.stdout)["agent"] == "muse"
    body = vendor.completions[-1].body
    assert (body["temperature"], body["max_tokens"]) == (0.5, 77)
    assert "You are muse.\\n\\nBe brief." in json.dumps(body["system"])
    row = json.loads(cli(daemon, "usage", "-o", "json").stdout)["rows"][0]
    assert row["agent"] == "agent/muse"
    assert "did you mean muse" in cli(daemon, "ask", "hi", "--agent", "mus").stderr
    assert "is a process" in cli(daemon, "ask", "hi", "--agent", "tool").stderr


@pytest.mark.parametrize("server", [AnthropicServer, OpenAIServer])
def test_each_failure_is_one_line_with_its_exit_code(daemon: Daemon, server: Any) -> None:
    with served(server(key=KEY)) as vendor:
        apply(daemon, account(vendor))
        for step, code, part in [
            (Status(404, "no model m-1"), 1, "m-1"),
            (Hang(), 4, "did not answer within 1 s"),
            (Status(429, headers={"retry-after": "60"}), 1, "tried again in 60 s"),
        ]:
            vendor.script = [step]
            said = cli(daemon, "ask", "hi", "--timeout", "1s")
            assert said.returncode == code, said.stderr
            assert part in said.stderr
            assert said.stderr.startswith("p42: ")
            assert "Traceback" not in said.stderr
            assert KEY not in said.stderr + said.stdout
            assert said.stdout == ""


def test_what_broke_off_stays_on_the_screen_and_is_an_error(
    daemon: Daemon, vendor: AnthropicServer
) -> None:
    apply(daemon, account(vendor))
    vendor.script = [CutShort(Say("one two three four"), after=5)] * 2
    said = cli(daemon, "ask", "hi")
    assert said.returncode == 1
    assert said.stdout.startswith("one two")
    assert said.stdout.endswith("\n")
    whole = cli(daemon, "ask", "hi", "-o", "json")
    assert (whole.returncode, whole.stdout) == (1, "")


def test_a_key_the_vendor_refuses_shows_in_status_and_in_the_file_without_figures(
    daemon: Daemon, vendor: AnthropicServer
) -> None:
    vendor.key = "sk-another"
    answer = apply(daemon, account(vendor), document("Agent", "muse", persona="You are muse."))
    assert answer["code"] == 2
    assert status(daemon, "account/main")["reason"] == "KeyRejected"
    assert status(daemon, "agent/muse")["reason"] == "Waiting"
    file = daemon.home.parent / "manifests/0.json"
    until(lambda: "KeyRejected" in file.read_text(), "the status is written back")
    vendor.key = KEY
    assert cli(daemon, "account", "check", "main").returncode == 0
    until(lambda: status(daemon, "agent/muse")["status"] == "True", "who waited goes on")


def test_a_vendor_that_is_away_holds_up_nobody_who_needs_the_account(
    daemon: Daemon, vendor: AnthropicServer
) -> None:
    with served(AnthropicServer()) as gone:
        away = account(gone, default=False)
    directory = daemon.home.parent / "manifests"
    directory.mkdir()
    (directory / "0.json").write_text(away)
    (directory / "1.json").write_text(document("Agent", "muse", persona="Hm.", accountRef="main"))
    told = daemon.ask("apply", paths=[str(directory)], timeout=None)
    assert told["code"] == 2  # apply has done what it can: no wait brings a provider back
    rows = {row["kind"]: (row["ready"], row["reason"]) for row in told["results"]}
    assert rows["Account"] == ("False", "ProviderDown")
    until(lambda: status(daemon, "agent/muse")["status"] == "True", "the agent is ready")
    assert "ProviderDown" not in (directory / "0.json").read_text()


def test_a_project_answers_through_its_agent_with_its_context(
    daemon: Daemon, vendor: AnthropicServer
) -> None:
    vendor.script = [Say("I am the garden."), Say("And again."), Status(404, "gone")]
    answer = apply(
        daemon,
        account(vendor),
        document("Agent", "muse", persona="You are muse."),
        document("ProjectCI", "garden", agentRef="muse", context="Roses only.", project="Garden"),
    )
    assert answer["code"] == 0, answer
    said = cli(daemon, "chat", "garden", "who", "are", "you?")
    assert (said.returncode, said.stdout) == (0, "I am the garden.\n")
    body = vendor.completions[-1].body
    assert "You are muse.\\n\\nProject Garden\\n\\nRoses only." in json.dumps(body["system"])
    assert body["messages"][0]["content"] == [{"type": "text", "text": "who are you?"}]
    row = json.loads(cli(daemon, "usage", "-o", "json").stdout)["rows"][0]
    assert row["agent"] == "projectci/garden"
    assert cli(daemon, "chat", "garden", "more").stdout == "And again.\n"
    refused = cli(daemon, "chat", "garden", "and", "now?")
    assert refused.returncode == 1
    assert "gone" in refused.stderr


def test_a_token_of_one_project_is_refused_to_another(
    daemon: Daemon, vendor: AnthropicServer
) -> None:
    apply(
        daemon,
        account(vendor),
        document("ProjectCI", "garden", accountRef="main", activation="always"),
        document("ProjectCI", "house", accountRef="main"),
    )
    token = _tokens(daemon)["garden"]
    assert daemon.ask("answer", project="garden", token=token, content="hi")["text"]
    for project, given in [("house", token), ("garden", token[:-1] + "x"), ("nobody", token)]:
        with pytest.raises(P42Error, match="belongs to no companion"):
            daemon.ask("answer", project=project, token=given, content="hi")
    assert len(vendor.completions) == 1


def test_who_waits_no_longer_ends_the_vendors_request(
    daemon: Daemon, vendor: AnthropicServer
) -> None:
    apply(daemon, account(vendor))
    vendor.script = [Hang()]
    asking = subprocess.Popen(
        [sys.executable, "-m", "p42", "ask", "hi"],
        env={**os.environ, "P42_HOME": str(daemon.home)}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: vendor.completions, "it was asked")
    asking.kill()
    asking.wait()
    until(lambda: vendor.aborted == 1, "the request is ended")


def _tokens(daemon: Daemon) -> dict[str, str]:
    """The companions' tokens, from where the daemon keeps them; nobody is told them."""
    import sqlite3

    with sqlite3.connect(f"file:{daemon.home}/state.db?mode=ro", uri=True) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(leases)")]
        rows = [dict(zip(columns, row, strict=True)) for row in db.execute("SELECT * FROM leases")]
    db.close()
    return {row["name"]: row["token"] for row in rows}
