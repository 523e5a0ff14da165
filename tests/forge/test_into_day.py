"""Commands forged into a directory, through a real daemon: held there as in the home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.api.verbs import VERBS
from p42.model.errors import InvalidInput
from p42.model.verb import Door, Effect
from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import account, cli, document, status, until
from tests.e2e.vendor import served
from tests.forge.smithy import fenced
from tests.providers.vendors import AnthropicServer, Say

KEY = "sk-ant-0123456789-canary"
GREET = "command/greet"


@pytest.fixture
def vendor() -> Iterator[AnthropicServer]:
    with served(AnthropicServer(key=KEY)) as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path, vendor: AnthropicServer) -> Iterator[Daemon]:
    """It follows `tree`, in which stand an account, a smith, and empty `cmds` and `other`."""
    tree = tmp_path / "tree"
    for name in ("cmds", "other"):
        (tree / name).mkdir(parents=True)
    (tree / "account.json").write_text(account(vendor))
    smith = document("Agent", "smith", persona="You forge.", accountRef="main", forge=True)
    (tree / "smith.json").write_text(smith)
    with running(tmp_path / "home", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as started:
        started.ask("apply", paths=[str(tree)])
        yield started


@pytest.fixture
def tree(daemon: Daemon) -> Path:
    return daemon.home.parent / "tree"


def possess(daemon: Daemon, at: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """As a person who stands in the directory `at`."""
    return subprocess.run(
        [sys.executable, "-m", "p42", "possess", "@smith", *words], cwd=at, text=True,
        env={**os.environ, "P42_HOME": str(daemon.home)}, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def forged(daemon: Daemon, at: Path, *words: str) -> dict[str, Any]:
    done = possess(daemon, at, *words, "-o", "json")
    assert done.returncode == 0, done.stderr
    (made,) = json.loads(done.stdout)["forged"]
    return dict(made)


def reason(daemon: Daemon) -> str:
    items = [each for each in daemon.ask("get", kind="commands")["items"]
             if each["metadata"]["name"] == "greet"]  # fmt: skip
    return str(items[0]["status"]["conditions"][0]["reason"]) if items else ""


def waits(daemon: Daemon) -> None:
    until(lambda: reason(daemon) == "NeedsApproval", "it waits")
    assert not (daemon.home / "commands" / "greet").exists()


def greeted(daemon: Daemon) -> bytes:
    path = daemon.home / "commands" / "greet"
    return subprocess.run([path], capture_output=True, check=True).stdout


def approved(daemon: Daemon) -> None:
    until(lambda: reason(daemon) == "NeedsApproval", "it waits")
    assert cli(daemon, "approve", GREET, "--yes").returncode == 0
    until(lambda: reason(daemon) == "Reconciled", "it is ready")


def test_it_is_made_held_approved_changed_rolled_back_and_taken_away(
    daemon: Daemon, vendor: AnthropicServer, tree: Path
) -> None:
    vendor.script = [Say(fenced(name="greet", implementation="echo hi")),
                     Say(fenced(name="greet", implementation="echo ho"))]  # fmt: skip
    made = forged(daemon, tree / "other", "make greet", "--into", "../cmds")
    file = tree / "cmds" / "greet.yaml"
    assert (made["problem"], made["file"]) == ("", str(file))
    approved(daemon)
    assert greeted(daemon) == b"hi\n"
    (shown,) = daemon.ask("get", kind="command", names=["greet"])["items"]
    assert shown["spec"]["source"] == "echo hi\n"
    assert str(file) in cli(daemon, "describe", GREET).stdout

    again = forged(daemon, tree, "say ho")  # without the directory, in another place
    assert (again["problem"], again["file"]) == ("", str(file))
    assert greeted(daemon) == b"hi\n"
    approved(daemon)
    assert greeted(daemon) == b"ho\n"
    done = cli(daemon, "rollback", GREET)
    assert (done.returncode, "+++ b/cmds/greet.yaml" in done.stdout) == (0, True), done.stderr
    until(lambda: greeted(daemon) == b"hi\n", "rolled back, without another word")

    done = cli(daemon, "delete", GREET)
    assert (done.returncode, str(file) in done.stderr) == (3, True)
    file.unlink()
    until(lambda: not (daemon.home / "commands" / "greet").exists(), "it went with its file")


def test_neither_apply_nor_a_restart_nor_a_move_is_a_word_on_it(
    daemon: Daemon, vendor: AnthropicServer, tree: Path
) -> None:
    vendor.script = [Say(fenced(name="greet", implementation="echo hi"))]
    forged(daemon, tree, "make greet", "--into", "cmds")
    waits(daemon)
    for path in (tree, tree / "cmds", tree / "cmds" / "greet.yaml"):
        assert cli(daemon, "apply", "-f", str(path)).returncode == 2
        waits(daemon)
    (tree / "cmds" / "greet.yaml").rename(tree / "other" / "moved.yaml")
    assert cli(daemon, "apply", "-f", str(tree)).returncode == 2
    waits(daemon)
    daemon.stop()
    with running(daemon.home, VENDOR_KEY=KEY, P42_HTTP_PORT="0") as again:
        waits(again)
        assert status(again, GREET)["reason"] == "NeedsApproval"
        approved(again)
        assert greeted(again) == b"hi\n"


def test_another_home_that_follows_the_directory_asks_its_own_person(
    daemon: Daemon, vendor: AnthropicServer, tree: Path, tmp_path: Path
) -> None:
    vendor.script = [Say(fenced(name="greet", implementation="echo hi"))]
    forged(daemon, tree, "make greet", "--into", "cmds")
    approved(daemon)
    with running(tmp_path / "home2", P42_HTTP_PORT="0") as other:
        other.ask("apply", paths=[str(tree / "cmds")])
        waits(other)
        approved(other)


def test_a_directory_that_is_not_followed_is_refused_before_anything_is_paid(
    daemon: Daemon, vendor: AnthropicServer, tree: Path
) -> None:
    outside = tree.parent / "my outside"
    outside.mkdir()
    asked = len(vendor.completions)
    for words in (("hello",), ("hello", "-o", "json")):
        done = possess(daemon, tree.parent, *words, "--into", "my outside")
        assert done.returncode == 3
        assert f"first: p42 apply -f '{outside}'" in done.stderr
    assert len(vendor.completions) == asked
    assert daemon.ask("session.list")["items"] == []


def test_whether_a_directory_will_do_can_be_asked(daemon: Daemon, tree: Path) -> None:
    at = str(tree / "cmds")
    assert daemon.ask("forge.into", agent="smith", into=at) == {"into": at}
    for agent, into in (("smith", "/tmp"), ("smith", str(tree / "nowhere")), ("muse", at)):
        (tree / "muse.json").write_text(document("Agent", "muse", persona="p", accountRef="main"))
        daemon.ask("apply", paths=[str(tree)])
        with pytest.raises(InvalidInput):
            daemon.ask("forge.into", agent=agent, into=into)


def test_an_agent_that_makes_no_commands_has_no_use_for_a_directory(
    daemon: Daemon, tree: Path
) -> None:
    (tree / "muse.json").write_text(document("Agent", "muse", persona="p", accountRef="main"))
    daemon.ask("apply", paths=[str(tree)])
    done = cli(daemon, "possess", "@muse", "hello", "--into", str(tree / "cmds"))
    assert done.returncode == 1
    assert "agent/muse makes no commands" in done.stderr


def test_only_a_person_names_one_and_not_on_the_gateway(daemon: Daemon, tree: Path) -> None:
    verb = VERBS["say.into"]
    assert (verb.effect, verb.doors) == (Effect.PERSON, frozenset({Door.CONTROL}))
    assert VERBS["forge.into"].doors == frozenset({Door.CONTROL})
    for kind in ("say.into", "say"):
        payload = {"agent": "smith", "message": "x", "into": str(tree / "cmds")}
        told = json.loads(daemon.say(json.dumps({"type": kind, "id": "1", "payload": payload})
                                     .encode()))  # fmt: skip
        assert told["error"] == f"Unknown request type: {kind}"


def test_tests_that_fail_after_the_approval_reach_the_conversation(
    daemon: Daemon, vendor: AnthropicServer, tree: Path
) -> None:
    broken = {"name": "greet", "implementation": "echo hi", "tests": [{"expect": {"stdout": "ho"}}]}
    whole = {"name": "greet", "description": "Says ho.", "language": "bash", "dependencies": [],
             "implementation": "echo ho"}  # fmt: skip
    vendor.script = [Say(fenced(**broken)), Say("I see."), Say(json.dumps(whole))]
    forged(daemon, tree, "make greet", "--into", "cmds", "--session", "s")
    until(lambda: reason(daemon) == "NeedsApproval", "it waits")
    assert "TestsFailed" in cli(daemon, "approve", GREET, "--yes").stderr
    until(lambda: reason(daemon) == "TestsFailed", "its tests ran")
    done = possess(daemon, tree, "well?", "--session", "s")
    assert "command/greet failed its tests" in done.stderr
    assert "instead of 'ho'" in str(vendor.completions[-1].body["system"])
    made = forged(daemon, tree, "/forge fix", "--session", "s")
    assert (made["problem"], made["file"]) == ("", str(tree / "cmds" / "greet.yaml"))
    approved(daemon)
    assert greeted(daemon) == b"ho\n"


@pytest.mark.parametrize("text", [
    "apiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: greet}\nspec: {sauce: echo hi}\n",
    2 * "---\napiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: greet}\nspec: {source: a}\n",
], ids=["broken", "twice"])  # fmt: skip
def test_a_name_that_a_manifest_declares_is_taken_also_where_it_never_held(
    daemon: Daemon, vendor: AnthropicServer, tree: Path, text: str
) -> None:
    (tree / "cmds" / "brk.yaml").write_text(text)
    until(lambda: "brk.yaml" in cli(daemon, "get", "status").stdout, "it was read")
    vendor.script = [Say(fenced(name="greet", implementation="echo hi"))]
    made = forged(daemon, tree, "make greet")
    assert "command/greet is declared in " in made["problem"]
    assert f"{tree / 'cmds' / 'brk.yaml'}" in made["problem"]
    assert not (daemon.home / "manifests" / "commands" / "greet.yaml").exists()
