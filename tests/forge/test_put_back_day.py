"""The way back of a command out of a conversation leads to what was in force, through a daemon."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import account, cli, document, status, until
from tests.e2e.vendor import served
from tests.forge.smithy import fenced
from tests.providers.vendors import AnthropicServer, Say

KEY = "sk-ant-0123456789-canary"
GREET = "command/greet"
OK = [{"expect": {"stdout": "ok"}}]


@pytest.fixture
def vendor() -> Iterator[AnthropicServer]:
    with served(AnthropicServer(key=KEY)) as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path, vendor: AnthropicServer) -> Iterator[Daemon]:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "account.json").write_text(account(vendor))
    smith = document("Agent", "smith", persona="You forge.", accountRef="main", forge=True)
    (tree / "smith.json").write_text(smith)
    with running(tmp_path / "home", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as started:
        started.ask("apply", paths=[str(tree)])
        yield started


@pytest.fixture
def makes(daemon: Daemon, vendor: AnthropicServer) -> Callable[..., dict[str, Any]]:
    """Has greet made so, in the conversation `s`."""

    def make(text: str, *, message: str = "make greet", **spec: Any) -> dict[str, Any]:
        vendor.script.append(Say(fenced(name="greet", implementation=text, **spec)))
        done = cli(daemon, "possess", "@smith", message, "--session", "s", "-o", "json")
        assert done.returncode == 0, done.stderr
        (made,) = json.loads(done.stdout)["forged"]
        assert made["problem"] == "", made
        until(lambda: reason(daemon) == "NeedsApproval", "it waits")
        return dict(made)

    return make


def reason(daemon: Daemon) -> str:
    items = daemon.ask("get", kind="commands")["items"]
    return str(items[0]["status"]["conditions"][0]["reason"]) if items else ""


def approved(daemon: Daemon, *, comes_to: str = "Reconciled") -> None:
    cli(daemon, "approve", GREET, "--yes")
    until(lambda: reason(daemon) == comes_to, comes_to)


def greeted(daemon: Daemon) -> str:
    path = daemon.home / "commands" / "greet"
    return subprocess.run([path], capture_output=True, check=True, text=True).stdout.strip()


def sheet(daemon: Daemon) -> Path:
    return daemon.home / "manifests" / "commands" / "greet.yaml"


def rolled_back(daemon: Daemon) -> str:
    done = cli(daemon, "rollback", GREET)
    assert done.returncode == 0, done.stderr
    return str(sheet(daemon).read_text())


def test_it_passes_over_a_version_that_failed_its_tests(
    daemon: Daemon, makes: Callable[..., dict[str, Any]]
) -> None:
    makes("echo ok", tests=OK)
    approved(daemon)
    makes("echo broken", tests=OK)
    approved(daemon, comes_to="TestsFailed")
    makes("echo ok; :", message="/forge fix")
    approved(daemon)
    assert "    echo ok\n" in rolled_back(daemon)
    until(lambda: "echo ok\n" in (daemon.home / "commands" / "greet").read_text(), "it is back")
    assert reason(daemon) == "Reconciled"
    assert "    echo ok; :\n" in rolled_back(daemon)  # and a second one undoes the first
    until(lambda: "echo ok; :" in (daemon.home / "commands" / "greet").read_text(), "undone")


def test_it_passes_over_a_version_that_nobody_approved(
    daemon: Daemon, makes: Callable[..., dict[str, Any]]
) -> None:
    makes("echo a")
    approved(daemon)
    makes("echo b")
    makes("echo c")
    approved(daemon)
    assert "    echo a\n" in rolled_back(daemon)
    until(lambda: greeted(daemon) == "a", "what was in force is")


def test_it_leads_out_of_one_that_waits_and_back_to_it(
    daemon: Daemon, makes: Callable[..., dict[str, Any]]
) -> None:
    makes("echo a")
    assert cli(daemon, "rollback", GREET).returncode == 3  # of what was never in force
    makes("echo b")
    assert "no earlier version" in cli(daemon, "rollback", GREET).stderr
    approved(daemon)
    makes("echo c")
    assert "    echo b\n" in rolled_back(daemon)
    until(lambda: reason(daemon) == "Reconciled", "nothing waits")
    assert "    echo c\n" in rolled_back(daemon)
    until(lambda: reason(daemon) == "NeedsApproval", "as it did before")
    assert greeted(daemon) == "b"


def test_a_new_command_has_no_earlier_version_by_the_name_of_a_deleted_one(
    daemon: Daemon, makes: Callable[..., dict[str, Any]]
) -> None:
    makes("echo a")
    approved(daemon)
    makes("echo b")
    approved(daemon)
    spare = sheet(daemon).parent / ".p42" / "greet.yaml.previous"
    assert spare.exists()
    assert cli(daemon, "delete", GREET).returncode == 0
    assert not spare.exists()
    spare.parent.mkdir(exist_ok=True)
    spare.write_text("whatever an older p42 left there")
    until(lambda: reason(daemon) == "", "it is gone")
    makes("echo new")
    assert not spare.exists()
    done = cli(daemon, "rollback", GREET)
    assert (done.returncode, "no earlier version" in done.stderr) == (3, True)
    assert status(daemon, GREET)["reason"] == "NeedsApproval"
