"""Through a real daemon: a deleted command needs a new word, and the message is true each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.doors.daemons import Daemon
from tests.e2e.test_ask import cli, until
from tests.forge.smithy import fenced
from tests.forge.test_day import KEY, approved, daemon, reason_if_there, tree, vendor
from tests.providers.vendors import AnthropicServer, Say

__all__ = ["KEY", "daemon", "tree", "vendor"]  # fixtures

HARM = Say(fenced(name="greet", implementation="echo harm"))


def possess(there: Daemon, *more: str) -> Any:
    return cli(there, "possess", "@smith", "make it", *more)


def test_what_was_deleted_is_asked_about_anew(
    daemon: Daemon, vendor: AnthropicServer, tree: Path
) -> None:
    (tree / "sing.json").unlink()
    daemon.ask("apply", paths=[str(tree)])
    vendor.script = [HARM] * 3
    greet = daemon.home / "commands" / "greet"
    assert "and waits for you: p42 approve command/greet" in possess(daemon).stderr
    approved(daemon, "command/greet")

    done = possess(daemon)  # the same again
    assert "as you agreed to it: nothing waits" in done.stderr
    assert "p42 approve" not in done.stderr
    assert reason_if_there(daemon) == "Reconciled"

    deleted = cli(daemon, "delete", "command/greet")
    assert deleted.returncode == 0, deleted.stderr
    until(lambda: not greet.exists(), "it is gone")
    (made,) = json.loads(possess(daemon, "-o", "json").stdout)["forged"]
    assert (made["problem"], made["waits"]) == ("", True)
    until(lambda: reason_if_there(daemon) == "NeedsApproval", "it waits")
    assert not greet.exists()
    approved(daemon, "command/greet")
    assert greet.exists()


def test_a_client_of_the_gateway_hears_why_nothing_was_made(
    daemon: Daemon, vendor: AnthropicServer, tree: Path
) -> None:
    (tree / "sing.json").unlink()
    daemon.ask("apply", paths=[str(tree)])
    vendor.script = [Say(fenced(name="sudo", implementation="echo me")), Say("Just talk.")]
    told = [
        json.loads(daemon.say(json.dumps({
            "type": "possess", "id": "g", "payload": {"agent": "@smith", "message": message},
        }).encode()))["data"]
        for message in ("make it", "and now talk")
    ]  # fmt: skip
    assert "sudo is what people trust" in told[0]["command_problem"]
    assert "command_generated" not in told[0]
    assert "command_problem" not in told[1]
