"""Tests that fail once an answer was approved are told wherever a person is asked again."""

from __future__ import annotations

import json
from pathlib import Path

from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import account, cli, document, status, until
from tests.e2e.vendor import served
from tests.providers.vendors import AnthropicServer, Say

KEY = "sk-ant-0123456789-canary"
FAILED = (
    "tests failed: test 1 (no arguments): printed 'v1\\n' instead of 'la'; asked again (2 of 3)"
)


def answer(text: str) -> Say:
    return Say(json.dumps({"language": "bash", "dependencies": [], "implementation": text}))


def test_the_next_answer_waits_with_the_reason_and_no_old_version_is_made_up(
    tmp_path: Path,
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    tests = [{"expect": {"stdout": "la"}}]
    (tree / "sing.json").write_text(document("Command", "sing", prompt="say la", tests=tests))
    with served(AnthropicServer(key=KEY)) as vendor:
        vendor.script = [answer("echo v1"), answer("echo la"), answer("echo v3")]
        (tree / "account.json").write_text(account(vendor))
        with running(tmp_path / "home", VENDOR_KEY=KEY, P42_HTTP_PORT="0") as daemon:
            daemon.ask("apply", paths=[str(tree)])
            told(daemon, contains="shows it")
            done = cli(daemon, "approve", "command/sing", "--yes")
            again = told(daemon, contains=FAILED)
            assert "old version" not in again
            assert not (daemon.home / "commands" / "sing").exists()
            assert FAILED in cli(daemon, "events").stdout
            (item,) = daemon.ask("approvals", refs=["command/sing"])["items"]
            assert FAILED in item["message"]
            assert "TestsFailed" in done.stderr or FAILED in done.stderr
            dry = cli(daemon, "diff").stdout + cli(daemon, "diff").stderr
            assert "old version" not in dry
            assert cli(daemon, "approve", "command/sing", "--yes").returncode == 0
            until(lambda: status(daemon, "command/sing")["reason"] == "Reconciled", "ready")

            (tree / "sing.json").write_text(
                document("Command", "sing", prompt="say v3", tests=tests)
            )
            assert "until then the old version runs on" in told(daemon, contains="old version")


def told(daemon: Daemon, *, contains: str) -> str:
    """What it says while it waits for a word."""

    def found() -> str:
        now = status(daemon, "command/sing")
        text = str(now.get("message"))
        return text if now["reason"] == "NeedsApproval" and contains in text else ""

    return str(until(found, contains))
