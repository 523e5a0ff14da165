"""A program that is an agent hears what failed in front of a message: it is given nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.doors.daemons import Daemon, running
from tests.e2e.test_ask import cli, document, status, until
from tests.forge.smithy import fenced

ANSWERS = """\
import sys
for line in sys.stdin:
    told = {"make greet": BROKEN, "Make it again": MENDED}
    print(next((said for word, said in told.items() if word in line), "heard " + line))
    print("\\x04", flush=True)
"""


def program(path: Path) -> str:
    """One that makes a command whose test fails, and one that passes when it is asked to."""
    test = [{"expect": {"stdout": "ho"}}]
    broken = fenced(name="greet", implementation="echo hi", tests=test)
    mended = fenced(name="hello", implementation="echo ho", tests=[])
    path.write_text(ANSWERS.replace("BROKEN", repr(broken)).replace("MENDED", repr(mended)))
    return str(path)


def say(daemon: Daemon, text: str) -> dict[str, Any]:
    done = cli(daemon, "possess", "@smith", text, "--session", "s", "-o", "json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def reason(daemon: Daemon) -> str:
    rows = daemon.ask("get", kind="commands")["items"]
    return str(status(daemon, "command/greet")["reason"]) if rows else ""


def test_a_program_hears_of_it_once_and_mends_it(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    args = [program(tmp_path / "smith.py")]
    process = {"command": sys.executable, "args": args, "protocol": "lines"}
    smith = document("Agent", "smith", runtime="process", process=process, forge=True)
    (tree / "smith.json").write_text(smith)
    with running(tmp_path / "home", P42_HTTP_PORT="0") as daemon:
        daemon.ask("apply", paths=[str(tree)])
        made = say(daemon, "make greet")["forged"][0]
        assert (made["problem"], made["waits"]) == ("", True)
        assert "forged-model" not in Path(made["file"]).read_text()  # it asked no model
        until(lambda: reason(daemon) == "NeedsApproval", "it waits")
        cli(daemon, "approve", "command/greet", "--yes")
        until(lambda: reason(daemon) == "TestsFailed", "its tests ran")
        told = say(daemon, "well?")["answer"]
        assert "- greet: test 1 (no arguments): printed" in told
        assert told.rstrip().endswith("well?")
        assert "- greet:" not in say(daemon, "and now?")["answer"]
        (made,) = say(daemon, "/forge fix")["forged"]
        assert (made["name"], made["problem"]) == ("greet", "")
        until(lambda: reason(daemon) == "NeedsApproval", "the new version waits")
        cli(daemon, "approve", "command/greet", "--yes")
        until(lambda: reason(daemon) == "Reconciled", "it passes")
