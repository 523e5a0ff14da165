"""What is pinned needs no model: neither on another machine, nor on this one without its key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import account, cli, document, status, until
from tests.e2e.vendor import served
from tests.forge.test_day import KEY, answer, approved, git, pinned, prompt, reason, sung
from tests.providers.vendors import AnthropicServer


@pytest.fixture
def vendor() -> Iterator[AnthropicServer]:
    with served(AnthropicServer(key=KEY)) as server:
        yield server


@pytest.fixture
def tree(tmp_path: Path, vendor: AnthropicServer) -> Path:
    """A repository of manifests with a lock that was approved and is committed."""
    made = tmp_path / "tree"
    made.mkdir()
    (made / "account.json").write_text(account(vendor))
    smith = document("Agent", "smith", persona="You forge.", accountRef="main", forge=True)
    (made / "smith.json").write_text(smith)
    prompt(made, "say la")
    git(made, "init")
    vendor.script = [answer("echo la")]
    with running(tmp_path / "home", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as daemon:
        daemon.ask("apply", paths=[str(made)])
        approved(daemon)
        until(lambda: "approved" in pinned(made), "its lock is signed")
    git(made, "add", ".")
    git(made, "commit", "-m", "sing")
    return made


@pytest.fixture
def keyless(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path / "home2", P42_HTTP_PORT="0") as daemon:
        yield daemon


def clone(tree: Path) -> Path:
    made = tree.parent / "clone"
    git(tree.parent, "clone", "-q", str(tree), str(made))
    return made


def test_another_machine_without_a_key_gets_what_is_pinned(keyless: Daemon, tree: Path) -> None:
    here = clone(tree)
    keyless.ask("apply", paths=[str(here)])
    until(lambda: reason(keyless) == "Reconciled", "ready, by the lock that git brought")
    assert reason(keyless, "account/main") == "KeyMissing"
    assert sung(keyless) == "la\n"
    branch = cli(keyless, "tree", "command/sing").stdout  # what forges it is still told
    assert "smith" in branch

    prompt(here, "say lo")  # this does need a model
    until(lambda: reason(keyless) == "Waiting", "another prompt waits for the agent")
    assert "Account/main: KeyMissing" in status(keyless, "command/sing")["message"]
    assert sung(keyless) == "la\n"


def test_nor_does_it_need_the_agent_to_be_declared(keyless: Daemon, tree: Path) -> None:
    here = clone(tree)
    (here / "smith.json").unlink()
    (here / "account.json").unlink()
    keyless.ask("apply", paths=[str(here)])
    until(lambda: reason(keyless) == "Reconciled", "ready, though nobody could forge it")
    assert sung(keyless) == "la\n"


def test_where_it_was_forged_it_is_kept_after_a_restart_without_the_key(
    tmp_path: Path, tree: Path
) -> None:
    before = (tree / "sing.json").read_bytes()
    with running(tmp_path / "home", P42_HTTP_PORT="0") as daemon:
        until(lambda: reason(daemon, "account/main") == "KeyMissing", "the key is gone")
        (daemon.home / "commands" / "sing").unlink()
        until(lambda: (daemon.home / "commands" / "sing").exists(), "it is put back")
        assert reason(daemon) == "Reconciled"
    assert (tree / "sing.json").read_bytes() == before  # no status flips for git to see
