"""On a terminal: colours, a live line, cut messages, questions. All on a real pty."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.scripted import Parts, Scripted, item, result


def on_a_terminal(*argv: str, answer: str = "", columns: int = 60, **env: str) -> tuple[int, str]:
    """Run `p42 ARGV...` with a pty as all three streams; its code and what the person saw."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    import fcntl
    import struct
    import termios

    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "p42", *argv],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", **env},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        select.select([ours], [], [], 0.5)
        try:
            part = os.read(ours, 65536)
        except BlockingIOError:
            continue
        except OSError:  # EIO: the other side is closed
            break
        if not part:
            break
        seen += part
        if answer and b"[Y/n]" in seen:
            os.write(ours, answer.encode())
            answer = ""
    code = child.wait(timeout=10)
    os.close(ours)
    return code, seen.decode().replace("\r\n", "\n")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def test_a_table_has_colours_and_a_last_column_cut_to_the_width(daemon: Scripted) -> None:
    long = "node is not installed and this sentence goes on for long, long, long"
    daemon.answers["table"] = {
        "columns": ["NAME", "READY", "MESSAGE"], "rows": [["a", "False", long]], "empty": "",
    }  # fmt: skip
    code, seen = on_a_terminal("get", "commands")
    assert code == 0
    assert "\x1b[31mFalse\x1b[0m" in seen
    line = plain(seen).splitlines()[1]
    assert len(line) <= 60
    assert line.endswith("…")


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_for_who_wants_none(env: Any, daemon: Scripted) -> None:
    _, seen = on_a_terminal("get", "commands", **env)
    assert "\x1b" not in seen


def test_emoji_count_as_two_columns(daemon: Scripted) -> None:
    rows = [["🐬", "x"], ["ab", "y"]]
    daemon.answers["table"] = {"columns": ["N", "MESSAGE"], "rows": rows, "empty": ""}
    _, seen = on_a_terminal("get", "commands")
    assert plain(seen).splitlines() == ["N    MESSAGE", "🐬   x", "ab   y"]


def test_apply_shows_what_is_pending_and_leaves_only_what_settled(
    daemon: Scripted, tmp_path: Path
) -> None:
    answer = {"results": [result("a")], "broken": [], "held": [], "code": 0}
    daemon.answers["apply"] = Parts([item("a", "InProgress"), item("a"), answer])
    code, seen = on_a_terminal("apply", "-f", str(tmp_path))
    assert code == 0
    assert "… command/a (InProgress)" in seen
    left = [line.rpartition("\r")[2] for line in plain(seen).strip().split("\n")]
    assert left == ["command/a ready", "1 created; all ready"]


def test_help_is_coloured_on_a_terminal_and_plain_elsewhere(
    home: Path, p42_process: Callable[..., Any]
) -> None:
    code, seen = on_a_terminal("get", "--help", columns=100)
    assert code == 0
    assert "\x1b[" in seen
    said = p42_process("get", "--help")
    assert "\x1b" not in said.out
    assert "╭" not in said.out


@pytest.mark.parametrize(("answer", "is_added"), [("y\n", True), ("\n", True), ("n\n", False)])
def test_init_asks_before_it_touches_the_rc(answer: str, is_added: bool, home: Path) -> None:
    code, seen = on_a_terminal("init", "--no-start", "--shell", "bash", answer=answer)
    assert code == 0
    assert "Add to " in seen
    assert (Path.home() / ".bashrc").exists() == is_added


def test_ctrl_c_while_waiting_ends_at_once_and_says_that_work_goes_on(
    daemon: Scripted, tmp_path: Path
) -> None:
    import signal
    import threading

    asked, done = threading.Event(), threading.Event()

    def hold(payload: dict[str, Any]) -> Any:
        asked.set()
        done.wait(20)
        raise BrokenPipeError

    daemon.answers["apply"] = hold
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "p42", "apply", "-f", str(tmp_path)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert asked.wait(20)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=10)
    done.set()
    assert child.returncode == 130
    assert said == "p42: no longer waiting; the daemon goes on. See: p42 get status\n"
