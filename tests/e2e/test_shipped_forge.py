"""A shipped agent makes a command with the model of this machine: shown, approved, run."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from p42.runtimes.local.model import PACKAGES
from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import cli, status, until
from tests.house.tree import ROOT

MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
# Each may fail: the model is small. That all do is one case in some thousands.
WISHES = ("hello", "good morning", "happy birthday", "good evening")

pytestmark = [
    pytest.mark.xdist_group("localmodel"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(MISSING), reason=f"p42[local] is not installed: {', '.join(MISSING)}"),
]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path / "home", P42_HTTP_PORT="0") as started:
        for each in ("accounts", "agents"):
            shutil.copytree(ROOT / "manifests" / each, tmp_path / "manifests" / each)
        answer = started.ask("apply", paths=[str(tmp_path / "manifests")])
        assert answer["code"] == 0, answer
        yield started


def forged(daemon: Daemon, wish: str) -> str:
    """The name of the command that was made of it; "" with the reason printed."""
    done = cli(daemon, "possess", "@engineer", "--new", "--timeout", "100s", "-o", "json",
               f"/forge a command that prints {wish}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (made,) = json.loads(done.stdout)["forged"]
    print(wish, "->", made["name"], made["problem"])
    return "" if made["problem"] else str(made["name"])


def test_a_command_made_by_talking_is_approved_and_does_what_was_asked(daemon: Daemon) -> None:
    for wish in WISHES:
        name = forged(daemon, wish)
        if not name:
            continue
        ref, path = f"command/{name}", daemon.home / "commands" / name
        until(lambda ref=ref: waits(daemon, ref), "it waits")  # type: ignore[misc]
        assert not path.exists()
        shown = cli(daemon, "approve", ref, "--yes")
        assert shown.returncode == 0, shown.stderr
        until(lambda ref=ref: status(daemon, ref)["reason"] == "Reconciled", "it is ready")  # type: ignore[misc]
        said = subprocess.run([path], capture_output=True, text=True, check=False).stdout
        if wish.split()[-1] in said.lower():
            return
    pytest.fail("of four simple wishes none came true")


def waits(daemon: Daemon, ref: str) -> bool:
    """Whether it is declared, and held."""
    names = [f"command/{item['metadata']['name']}" for item in
             daemon.ask("get", kind="commands")["items"]]  # fmt: skip
    return ref in names and status(daemon, ref)["reason"] == "NeedsApproval"
