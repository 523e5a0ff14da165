"""The shipped commands ask a model when they are told to: a scripted one, and the local one."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from p42.runtimes.local.model import PACKAGES
from tests.doors.daemons import Daemon, running
from tests.e2e.vendor import served
from tests.house.tree import ROOT
from tests.providers.vendors import OpenAIServer, Say

KEY = "sk-0123456789"
BIN = Path(sys.executable).parent
HAIKU = "Walls stand round the door\nthe roof lies open to the sky\nand then there is rest"
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Follows a copy of the shipped commands."""
    with running(tmp_path / "home", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as started:
        shutil.copytree(ROOT / "manifests/commands", tmp_path / "manifests")
        yield started


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git tree of two commits with something left to do."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "roof.c").write_text("int roof; // TODO(bob): mend it\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "roof: Open it to the sky"),
                  ("commit", "-q", "--allow-empty", "-m", "house: Build the walls")):  # fmt: skip
        who = {f"GIT_{role}_{what}": "ann@example.org" for role in ("AUTHOR", "COMMITTER")
               for what in ("NAME", "EMAIL")}  # fmt: skip
        subprocess.run(["git", *words], cwd=tree, check=True, env={**os.environ, **who})
    return tree


def ready(daemon: Daemon, account: dict[str, object]) -> None:
    manifests = daemon.home.parent / "manifests"
    body = {"apiVersion": "p42.dev/v1", "kind": "Account", "metadata": {"name": "main"},
            "spec": {**account, "default": True}}  # fmt: skip
    (manifests / "account.json").write_text(json.dumps(body) + "\n")
    answer = daemon.ask("apply", paths=[str(manifests)])
    assert answer["code"] == 0, answer


def run(daemon: Daemon, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A forged command, as from a shell that has p42 and its commands on PATH."""
    commands = daemon.home / "commands"
    path = os.pathsep.join([str(commands), str(BIN), os.environ["PATH"]])
    return subprocess.run(
        [str(commands / words[0]), *words[1:]], cwd=cwd, stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": path, "P42_HOME": str(daemon.home)},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def test_they_hand_over_what_they_found_and_print_what_comes_back(
    daemon: Daemon, repository: Path
) -> None:
    with served(OpenAIServer([Say(HAIKU), Say("Mend the roof."), Say("It lists.")])) as vendor:
        ready(daemon, {"provider": "openai", "key": "env:VENDOR_KEY", "baseUrl": vendor.url,
                       "models": ["m-1"]})  # fmt: skip
        assert vendor.completions == []  # their own tests ask nobody
        assert run(daemon, "git-haiku", "--ask", cwd=repository).stdout == HAIKU + "\n"
        issue = run(daemon, "todo-to-issue", "--ask", cwd=repository).stdout
        assert "\n\nMend the roof.\n\n```\nint roof;" in issue
        said = run(daemon, "explain", "--ask", "ls", cwd=repository).stdout
        assert said.startswith("ls: the program /")
        assert said.endswith("\n\nIt lists.\n")
        asked = [json.dumps(seen.body["messages"]) for seen in vendor.completions]
        for text, part in zip(asked, ("Open it to the sky", "roof.c:1", "ls: the"), strict=True):
            assert part in text


def test_without_an_answer_they_fail_and_p42_says_why(daemon: Daemon, repository: Path) -> None:
    daemon.ask("apply", paths=[str(daemon.home.parent / "manifests")])
    for words in (("git-haiku", "-a"), ("todo-to-issue", "-a"), ("explain", "-a", "ls")):
        answer = run(daemon, *words, cwd=repository)
        assert answer.returncode == 1
        assert "p42: no account is declared" in answer.stderr
        assert "Traceback" not in answer.stderr


@pytest.mark.timeout(300)  # three answers of a few dozen tokens; a busy machine says two a second
@pytest.mark.skipif(bool(MISSING), reason=f"pip install 'p42[local]': {MISSING} not installed")
def test_they_run_on_the_model_of_this_machine(daemon: Daemon, repository: Path) -> None:
    ready(daemon, {"provider": "local"})
    for words in (("git-haiku", "-a"), ("todo-to-issue", "-a"), ("explain", "-a", "ls")):
        answer = run(daemon, *words, cwd=repository)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.strip()
    total = daemon.ask("usage")["total"]
    assert (total["calls"], total["costMicroUsd"]) == (3, 0)
    assert total["outputTokens"] > 0
