"""Locks that come by git: approved elsewhere they run, and unapproved they wait and can be seen."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from p42.scripts.lock import Lock, Version, digest_of, name_of, parse, render
from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import cli, document, until
from tests.forge.test_day import approved, git, pinned, reason, sung

PROMPT = "say something"


class Elsewhere:
    """A colleague's machine, as far as git shows of it: a repository that is pulled from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        git(root, "init")

    def publish(self, script: str, *, approval: str = "") -> None:
        """A version of the command, in its lock. `approval`: a digest."""
        version = Version(digest_of(PROMPT), script, "bash", "", "m-1", approved=approval)
        self.write(document("Command", "sing", prompt=PROMPT), lock=render("sing", Lock(version)))

    def write(self, manifest: str, *, lock: bytes = b"") -> None:
        (self.root / "sing.json").write_text(manifest)
        if lock:
            (self.root / "forged").mkdir(exist_ok=True)
            (self.root / name_of("sing")).write_bytes(lock)
        git(self.root, "add", ".")
        git(self.root, "commit", "-m", "sing")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path / "elsewhere")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running(tmp_path / "home", P42_HTTP_PORT="0") as started:
        yield started


def follow(daemon: Daemon, elsewhere: Elsewhere) -> Path:
    clone = elsewhere.root.parent / "clone"
    git(elsewhere.root.parent, "clone", "-q", str(elsewhere.root), str(clone))
    daemon.ask("apply", paths=[str(clone)])
    return clone


def agreed_to(daemon: Daemon, script: str, tree: Path) -> str:
    """What a person's approval of `script` writes into its lock: here it is read off a real one."""
    approved(daemon)
    until(lambda: "approved" in pinned(tree), "its lock is signed")
    current = parse((tree / name_of("sing")).read_bytes()).current
    assert current is not None
    assert current.source == script
    return current.approved


def signed(tmp_path: Path, script: str) -> str:
    """The digest that another machine writes when somebody there agrees to `script`."""
    there = Elsewhere(tmp_path / "signing")
    there.publish(script)
    with running(tmp_path / "other", P42_HTTP_PORT="0") as other:
        other.ask("apply", paths=[str(there.root)])
        return agreed_to(other, script, there.root)


def test_a_new_version_that_was_approved_elsewhere_is_taken_over(
    daemon: Daemon, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    elsewhere.publish("echo la\n")
    clone = follow(daemon, elsewhere)
    approved(daemon)  # from now on this machine knows the name as a model's
    until(lambda: "approved" in pinned(clone), "its lock is signed")
    assert sung(daemon) == "la\n"
    elsewhere.publish("echo lo\n", approval=signed(tmp_path, "echo lo\n"))
    git(clone, "checkout", ".")
    git(clone, "pull", "-q")
    until(lambda: sung(daemon) == "lo\n", "the new version runs, and nobody was asked")
    assert reason(daemon) == "Reconciled"


def test_an_approval_written_by_hand_is_none(daemon: Daemon, elsewhere: Elsewhere) -> None:
    """The digest is no secret: whoever can write the lock can write what belongs in it."""
    elsewhere.publish("echo la\n")
    clone = follow(daemon, elsewhere)
    digest = agreed_to(daemon, "echo la\n", clone)
    elsewhere.publish("echo lo\n", approval=digest)  # and one of another script is none at all
    git(clone, "checkout", ".")
    git(clone, "pull", "-q")
    until(lambda: reason(daemon) == "NeedsApproval", "it waits")
    assert sung(daemon) == "la\n"


def test_a_command_that_git_turns_into_a_models_waits_and_is_shown(
    daemon: Daemon, elsewhere: Elsewhere
) -> None:
    elsewhere.write(document("Command", "sing", source="echo mine"))
    clone = follow(daemon, elsewhere)
    until(lambda: reason(daemon) == "Reconciled", "a person's own runs")
    elsewhere.publish("echo theirs\n")
    git(clone, "pull", "-q")
    until(lambda: reason(daemon) == "NeedsApproval", "it waits")
    (daemon.home / "commands" / "sing").unlink()
    until(lambda: (daemon.home / "commands" / "sing").exists(), "the old one is healed")
    assert sung(daemon) == "mine\n"
    shown = cli(daemon, "approve", "command/sing", "--yes")
    assert shown.returncode == 0, shown.stderr
    assert "-echo mine" in shown.stdout
    assert "+echo theirs" in shown.stdout
    until(lambda: sung(daemon) == "theirs\n", "approved, it runs")


def test_all_that_waits_can_be_seen_and_approved_at_once(
    daemon: Daemon, elsewhere: Elsewhere
) -> None:
    elsewhere.publish("echo la\n")
    other = Version(digest_of(PROMPT), "echo hum\n", "bash")
    (elsewhere.root / name_of("hum")).write_bytes(render("hum", Lock(other)))
    (elsewhere.root / "hum.json").write_text(document("Command", "hum", prompt=PROMPT))
    commit(elsewhere)
    follow(daemon, elsewhere)
    for ref in ("command/sing", "command/hum"):
        until(lambda ref=ref: reason(daemon, ref) == "NeedsApproval", "both wait")  # type: ignore[misc]
    done = cli(daemon, "approve", "--all")
    assert (done.returncode, "--yes" in done.stderr) == (3, True)
    done = cli(daemon, "approve", "--all", "--yes")
    assert (done.returncode, done.stderr.count("ready")) == (0, 2), done.stderr
    assert "+echo la" in done.stdout
    assert "+echo hum" in done.stdout
    assert subprocess.run(
        [daemon.home / "commands" / "hum"], capture_output=True, check=True
    ).stdout == b"hum\n"  # fmt: skip


def commit(elsewhere: Elsewhere) -> None:
    git(elsewhere.root, "add", ".")
    git(elsewhere.root, "commit", "-m", "more")
