"""Through a real daemon: the tool that declares a command tells its model the truth."""

from __future__ import annotations

import json
from pathlib import Path

from p42.model.completion import ToolCall
from tests.doors.daemons import Daemon
from tests.e2e.test_ask import account, cli, document
from tests.forge.test_day import KEY, daemon, vendor
from tests.providers.vendors import AnthropicServer, Say

__all__ = ["KEY", "daemon", "vendor"]  # fixtures


def test_a_refused_call_is_a_refusal_and_the_next_counts(
    daemon: Daemon, vendor: AnthropicServer, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "account.json").write_text(account(vendor))
    (tmp_path / "tree" / "smith.json").write_text(document(
        "Agent", "smith", persona="You forge.", accountRef="main", forge=True,
        permissions={"allow": ["p42.get"]},
    ))  # fmt: skip
    daemon.ask("apply", paths=[str(tmp_path / "tree")])
    specs = [
        {"name": name, "implementation": text}
        for name, text in (("sudo", "echo"), ("greet", "echo 'hi"), ("greet", "echo hi"))
    ]
    vendor.script = [
        Say("", calls=(ToolCall("c1", "forge_command", specs[0]),)),
        Say("", calls=(ToolCall("c2", "forge_command", specs[1]),)),
        Say("", calls=(ToolCall("c3", "forge_command", specs[2]),)),
        Say("Made."),
    ]
    done = cli(daemon, "possess", "@smith", "make it", "-o", "json")
    told = json.loads(done.stdout)
    assert [(made["name"], made["problem"]) for made in told["forged"]] == [("greet", "")]
    shown = json.dumps(daemon.ask("session.show", session=told["session"])["messages"])
    assert "refused: sudo is what people trust" in shown
    assert "refused: it is no bash" in shown
    assert "It becomes a manifest" in shown
