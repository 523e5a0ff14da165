"""What `p42 rollback` says of the version it goes to, and of those it has no room for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from p42.scripts.lock import Lock, Version, digest_of, parse, render
from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import account, cli, document, status, until
from tests.e2e.vendor import served
from tests.providers.vendors import AnthropicServer, Say

KEY = "sk-ant-0123456789-canary"

LINES = Version(digest_of("say la"), ":\n" * 60_000, "bash", "smith", "m-2")  # wider in the list
SMALL = Version(digest_of("say la"), "echo la\n", "bash", "smith", "m-1")
LARGE = Version(digest_of("say la"), "x" * (250 << 10) + "\n", "bash", "smith", "m-0")


@pytest.mark.parametrize(("lock", "dropped"), [
    (Lock(LINES, (SMALL, LARGE, LARGE)), 1), (Lock(SMALL, (LINES,)), 0),
])  # fmt: skip
def test_a_rollback_tells_which_version_and_what_went(
    tmp_path: Path, lock: Lock, dropped: int
) -> None:
    file = tmp_path / "tree" / "forged" / "sing.lock.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(render("sing", lock))
    assert len(parse(file.read_bytes()).earlier) == len(lock.earlier)
    (tmp_path / "tree" / "sing.json").write_text(document("Command", "sing", prompt="say la"))
    with running(tmp_path / "home", P42_HTTP_PORT="0") as daemon:
        daemon.ask("apply", paths=[str(tmp_path / "tree")])
        done = cli(daemon, "rollback", "command/sing")
        assert done.returncode == 0, done.stderr
        which = f"goes back to the version of {lock.earlier[0].title}, which is not in force: Needs"
        assert which in done.stdout
        assert ("1 of its oldest versions found no room" in done.stderr) == (dropped == 1)
        assert len(parse(file.read_bytes()).earlier) == len(lock.earlier) - dropped
        if not dropped:
            told = json.loads(cli(daemon, "rollback", "command/sing", "-o", "json").stdout)
            assert (told["to"], told["dropped"]) == (lock.current and lock.current.title, 0)


def answer(text: str) -> Say:
    return Say(json.dumps({"language": "bash", "dependencies": [], "implementation": text}))


def expects(word: str) -> list[dict[str, object]]:
    return [{"expect": {"exitCode": 0, "stdout": word}}]


def test_it_leads_to_what_was_in_force_though_its_tests_have_changed_with_its_prompt(
    tmp_path: Path,
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()

    def declare(text: str, **more: object) -> None:
        told = document("Command", "sing", prompt=f"say {text}", tests=expects(text), **more)
        (tree / "sing.json").write_text(told)

    with served(AnthropicServer(key=KEY)) as vendor:
        vendor.script = [answer("echo v1"), answer("echo v2")]
        (tree / "account.json").write_text(account(vendor))
        with running(tmp_path / "home", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as daemon:
            for text in ("v1", "v2"):
                declare(text)
                daemon.ask("apply", paths=[str(tree)])
                approved(daemon)
                assert run(daemon) == text
            done = cli(daemon, "rollback", "command/sing")
            assert (done.returncode, "is now the version of" in done.stdout) == (0, True), done
            assert (run(daemon), reason(daemon)) == ("v1", "Reconciled")
            back = json.loads(cli(daemon, "rollback", "command/sing", "-o", "json").stdout)
            assert (back["inForce"], back["reason"], run(daemon)) == (True, "Reconciled", "v2")

            declare("v2", description="Sings.")  # what it is, too, is in what was agreed to
            until(lambda: reason(daemon) == "NeedsApproval", "the description is in it")
            told = cli(daemon, "rollback", "command/sing").stdout
            assert "which is not in force: NeedsApproval: " in told
            assert (run(daemon), "is now the version" in told) == ("v2", False)


def approved(daemon: Daemon) -> None:
    until(lambda: reason(daemon) == "NeedsApproval", "it waits")
    assert cli(daemon, "approve", "command/sing", "--yes").returncode == 0
    until(lambda: reason(daemon) == "Reconciled", "it is ready")


def reason(daemon: Daemon) -> str:
    return str(status(daemon, "command/sing")["reason"])


def run(daemon: Daemon) -> str:
    path = daemon.home / "commands" / "sing"
    return subprocess.run([path], capture_output=True, check=True, text=True).stdout.strip()
