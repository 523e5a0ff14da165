"""A day with forged commands, through a real daemon: talk, approve, run, change, roll back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from p42.scripts.lock import Lock, Version, digest_of, render
from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import account, cli, document, status, until
from tests.e2e.vendor import served
from tests.forge.smithy import fenced
from tests.providers.vendors import AnthropicServer, Say

KEY = "sk-ant-0123456789-canary"


@pytest.fixture
def vendor() -> Iterator[AnthropicServer]:
    with served(AnthropicServer(key=KEY)) as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path / "home", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as started:
        yield started


@pytest.fixture
def tree(tmp_path: Path, vendor: AnthropicServer) -> Path:
    """A directory of manifests: an account, a smith, and a command that has a prompt."""
    made = tmp_path / "tree"
    made.mkdir()
    (made / "account.json").write_text(account(vendor))
    (made / "smith.json").write_text(
        document("Agent", "smith", persona="You forge.", accountRef="main", forge=True)
    )
    prompt(made, "say la")
    return made


def prompt(tree: Path, text: str, **spec: Any) -> None:
    told = document("Command", "sing", prompt=text, agentRef="smith", **spec)
    (tree / "sing.json").write_text(told)


def answer(script: str, language: str = "bash") -> Say:
    return Say(json.dumps({"language": language, "dependencies": [], "implementation": script}))


def reason(daemon: Daemon, ref: str = "command/sing") -> str:
    return str(status(daemon, ref)["reason"])


def pinned(tree: Path) -> Any:
    return yaml.safe_load((tree / "forged" / "sing.lock.yaml").read_text())


def sung(daemon: Daemon) -> str:
    done = subprocess.run([daemon.home / "commands" / "sing"], capture_output=True, check=True)
    return done.stdout.decode()


def approved(daemon: Daemon, ref: str = "command/sing") -> str:
    """Wait until it waits, look at it, agree."""
    until(lambda: reason(daemon, ref) == "NeedsApproval", "it waits for approval")
    done = cli(daemon, "approve", ref, "--yes")
    assert done.returncode == 0, done.stderr
    until(lambda: reason(daemon, ref) == "Reconciled", "it is ready")
    return done.stdout


def test_a_prompt_is_forged_pinned_approved_changed_and_rolled_back(
    daemon: Daemon, vendor: AnthropicServer, tree: Path
) -> None:
    vendor.script = [answer("echo la"), answer("echo lo")]
    daemon.ask("apply", paths=[str(tree)])
    until(lambda: reason(daemon) == "NeedsApproval", "forged, it waits")
    assert not (daemon.home / "commands" / "sing").exists()
    assert pinned(tree)["source"] == "echo la\n"
    assert "approved" not in pinned(tree)
    assert "echo la" in approved(daemon)
    assert sung(daemon) == "la\n"
    until(lambda: "approved" in pinned(tree), "its lock is signed")

    prompt(tree, "say lo")
    until(lambda: pinned(tree)["source"] == "echo lo\n", "forged again")
    until(lambda: reason(daemon) == "NeedsApproval", "the new one waits")
    assert sung(daemon) == "la\n"
    shown = approved(daemon)  # against what is run, though its prompt is no longer declared
    assert ("-echo la" in shown, "+echo lo" in shown) == (True, True)
    assert sung(daemon) == "lo\n"

    until(lambda: "approved" in pinned(tree), "its lock is signed")
    done = cli(daemon, "rollback", "command/sing")
    assert (done.returncode, "+echo la" in done.stdout) == (0, True), done.stderr
    until(lambda: sung(daemon) == "la\n", "rolled back, without another word")
    assert reason(daemon) == "Reconciled"
    cli(daemon, "reconcile", "command/sing")
    assert sung(daemon) == "la\n"
    assert len(vendor.script) == 0


def test_another_machine_gets_the_same_bytes_without_a_model(
    daemon: Daemon, vendor: AnthropicServer, tree: Path, tmp_path: Path
) -> None:
    vendor.script = [answer("echo la")]
    git(tree, "init")
    daemon.ask("apply", paths=[str(tree)])
    approved(daemon)
    until(lambda: "approved" in pinned(tree), "its lock is signed")
    here = (daemon.home / "commands" / "sing").read_bytes()
    git(tree, "add", ".")
    git(tree, "commit", "-m", "sing")
    git(tmp_path, "clone", "-q", str(tree), str(tmp_path / "clone"))
    with running(tmp_path / "home2", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as other:
        other.ask("apply", paths=[str(tmp_path / "clone")])
        until(lambda: reason(other) == "Reconciled", "ready, by the lock that git brought")
        assert (other.home / "commands" / "sing").read_bytes() == here


def test_a_lock_that_nobody_approved_waits_on_another_machine_too(
    vendor: AnthropicServer, tree: Path, tmp_path: Path
) -> None:
    lock = Lock(Version(digest_of("say la"), "echo la\n", "bash", "smith", "m-1"))
    (tree / "forged").mkdir()
    (tree / "forged" / "sing.lock.yaml").write_bytes(render("sing", lock))
    with running(tmp_path / "home", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as daemon:
        daemon.ask("apply", paths=[str(tree)])
        until(lambda: reason(daemon) == "NeedsApproval", "it waits")
        assert not (daemon.home / "commands" / "sing").exists()
        approved(daemon)
        assert sung(daemon) == "la\n"


def test_a_command_made_by_talking_waits_and_is_then_there(
    daemon: Daemon, vendor: AnthropicServer, tree: Path
) -> None:
    (tree / "sing.json").unlink()
    daemon.ask("apply", paths=[str(tree)])
    vendor.script = [
        Say(fenced(name="greet", implementation="echo hi", description="Greets.")),
        Say(fenced(name="greet", implementation="echo ho")),
    ]
    told = json.loads(cli(daemon, "possess", "@smith", "make greet", "-o", "json").stdout)
    (made,) = told["forged"]
    assert made["problem"] == ""
    assert "+    echo hi" in made["diff"]
    greet = daemon.home / "commands" / "greet"
    until(lambda: reason_if_there(daemon) == "NeedsApproval", "it waits")
    assert not greet.exists()
    assert "echo hi" in approved(daemon, "command/greet")
    assert subprocess.run([greet], capture_output=True, check=True).stdout == b"hi\n"

    cli(daemon, "possess", "@smith", "say ho instead", "-o", "json")
    approved(daemon, "command/greet")
    assert subprocess.run([greet], capture_output=True, check=True).stdout == b"ho\n"
    done = cli(daemon, "rollback", "command/greet")
    assert "+    echo hi" in done.stdout, done.stderr

    def says_hi() -> bool:
        return subprocess.run([greet], capture_output=True, check=True).stdout == b"hi\n"

    until(says_hi, "rolled back, without another word")


def reason_if_there(daemon: Daemon) -> str:
    items = daemon.ask("get", kind="commands")["items"]
    return items[0]["status"]["conditions"][0]["reason"] if items else ""


def git(tree: Path, *words: str) -> None:
    """Run git as somebody."""
    named = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(tree), *named, *words], capture_output=True, check=True)
