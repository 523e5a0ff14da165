"""How a command ends: a code of CONTRACT.md and a sentence; never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p42.cli import app, book
from tests.cli.scripted import Scripted, thing

P42 = Callable[..., Any]


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["gt"], 64, ["no such command: gt", "did you mean get?"]),
        (["get", "commands", "--ouput", "json"], 64, ["--ouput", "did you mean --output?"]),
        (["get"], 64, ["KIND[/NAME]", "p42 get --help"]),
        (["apply"], 64, ["-f PATH"]),
        (["delete"], 64, ["KIND/NAME"]),
        (["validate"], 64, ["PATH"]),
        (["service", "instal"], 64, ["did you mean install?"]),
        (["--nonsense"], 64, ["--nonsense"]),
        (["apply", "-f", ".", "--timeout", "soon"], 3, ["--timeout", "500ms, 30s, 5m"]),
        (["apply", "-f", "not-there"], 3, ["not-there", "nothing is there"]),
        (["describe", "hello"], 3, ["KIND/NAME"]),
        (["logs", "-n", "x"], 3, ["-n"]),
        (["completion", "tcsh"], 3, ["bash, zsh, fish"]),
        (["explain", "nonsense"], 3, ["nonsense"]),
        (["get", "commands"], 5, ["no p42 daemon runs", "p42 start"]),
        (["reconcile", "command/x"], 5, ["p42 start"]),
        (["logs"], 1, ["daemon.log"]),
        (["stop"], 0, []),
    ],
)
def test_usage_is_64_a_wrong_value_3_no_daemon_5(
    argv: list[str], code: int, words: list[str], home: Any, p42: P42
) -> None:
    said = p42(*argv)
    assert said.code == code, said
    for word in words:
        assert word in said.err
    assert "Traceback" not in said.err


def test_p42_alone_helps(p42: P42) -> None:
    said = p42()
    assert said.code == 0
    assert "Desired state" in said.out


def test_the_version_is_one_line(p42: P42) -> None:
    assert p42("--version").out.startswith("p42 ")


def _broken_p42(home: Any, **env: str) -> subprocess.CompletedProcess[str]:
    code = (
        "from p42.cli import fast, main\n"
        "def broken(argv): raise KeyError('a bug')\n"
        "fast.door = broken\n"
        "import sys; sys.argv = ['p42', 'get', 'x']; main.main()"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          check=False, env={"P42_HOME": str(home), **env})  # fmt: skip


def test_a_bug_is_one_sentence_and_p42_debug_shows_the_rest(home: Any) -> None:
    done = _broken_p42(home)
    assert done.returncode == 1
    assert "KeyError: 'a bug'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in _broken_p42(home, P42_DEBUG="1").stderr


def test_a_reader_that_leaves_early_is_no_error(daemon: Scripted) -> None:
    rows = [[f"name-{number}", "True", "3s"] for number in range(20_000)]
    daemon.answers["table"] = {"columns": ["NAME", "READY", "AGE"], "rows": rows, "empty": ""}
    script = f"{sys.executable} -m p42 get commands | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["NAME         READY   AGE", "141"]
    assert done.stderr == ""


def test_a_daemon_that_hangs_up_is_told(daemon: Scripted, p42: P42) -> None:
    def hang_up(payload: dict[str, Any]) -> Any:
        raise BrokenPipeError

    daemon.answers["table"] = hang_up
    said = p42("get", "commands")
    assert said.code == 1
    assert "closed the connection" in said.err
    assert "p42 logs daemon" in said.err


def test_a_file_name_that_is_no_text_is_shown_escaped(daemon: Scripted, p42_process: P42) -> None:
    daemon.answers["get"] = {"items": [{**thing("Command", "a"), "file": "b\udcff.yaml"}]}
    said = p42_process("get", "commands", "-o", "json")
    assert said.code == 0
    assert json.loads(said.out)["items"][0]["file"] == "b\udcff.yaml"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_is_no_error(closed: str, tmp_path: Path) -> None:
    """`p42 ... >&-` ended in a traceback; cron jobs and supervisors start programs like that."""
    program = f'"$0" -P -m p42 validate manifests {closed}; echo $?'
    (tmp_path / "manifests").mkdir()
    said = subprocess.run(
        ["sh", "-c", program, sys.executable], cwd=tmp_path, capture_output=True, text=True
    )
    assert said.stdout.splitlines()[-1] == "0"
    assert said.stderr == ""


def test_what_other_tools_call_it_is_answered_with_a_command_that_is_there(p42: P42) -> None:
    """`p42 plan` was answered with "did you mean explain?"."""
    assert "here it is: p42 diff" in p42("plan").err
    assert not set(app.ELSEWHERE) & set(book.COMMANDS)
    named = {here.split()[0] for here in app.ELSEWHERE.values()} - {"--version"}
    assert named <= set(book.COMMANDS)
