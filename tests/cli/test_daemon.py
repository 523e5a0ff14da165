"""The command line with the real daemon behind it: a few whole days of a user, shortened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from p42.cli import processes

P42 = Callable[..., Any]

HELLO = """\
apiVersion: p42.dev/v1
kind: Command
metadata: {name: hello}
spec:
  source: |
    echo hello from p42
"""


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """A directory with one command."""
    path = tmp_path / "m"
    path.mkdir()
    (path / "hello.yaml").write_text(HELLO)
    return path


@pytest.fixture
def p42d(home: Path, p42_process: P42) -> Iterator[P42]:
    """`p42`, and whatever daemon it started is stopped afterwards."""
    yield p42_process
    pid = processes.pid_in(home / "run" / "p42.pid")
    said = p42_process("stop")
    assert said.code == 0, said
    assert pid is None or processes.has_ended(pid, within=0)


def _until(holds: Callable[[], bool]) -> None:
    """Wait for a condition; 20 s are patience, not a promise."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


def test_apply_starts_the_daemon_and_what_is_declared_becomes_real(
    p42d: P42, home: Path, manifests: Path
) -> None:
    applied = p42d("apply", "-f", str(manifests))
    assert applied.code == 0, applied
    assert applied.out == "1 created; all ready\n"
    assert "started the daemon" in applied.err
    forged = home / "commands" / "hello"
    assert subprocess.check_output([str(forged)], text=True) == "hello from p42\n"

    status = p42d("get", "status", "-o", "json")
    assert status.code == 0
    assert json.loads(status.out)["inSync"] is True
    assert p42d("diff").code == 0
    again = p42d("apply", "-f", str(manifests), "-o", "json")
    assert json.loads(again.out)["results"][0]["result"] == "unchanged"

    described = p42d("describe", "cmd/hello").out
    assert "Name:       command/hello\n" in p42d("describe", "cmd", "hello").out
    assert "Name:       command/hello\n" in described
    assert f"File:       {manifests / 'hello.yaml'}:1" in described
    assert p42d("get", "commands", "-o", "name").out == "command/hello\n"
    assert p42d("tree").out == "command/hello ready\n"
    events = [json.loads(line) for line in p42d("events", "-o", "json").out.splitlines()]
    assert any(event.get("name") == "hello" for event in events)
    assert "ready" in p42d("logs", "daemon").out
    assert p42d("__complete", "--", "describe", "command/h").out == "command/hello\n"
    assert {i["key"] for i in json.loads(p42d("config", "-o", "json").out)["items"]} >= {"trust"}

    deleted = p42d("delete", "-f", str(manifests))
    assert deleted.code == 0, deleted
    assert not forged.exists()
    assert p42d("get", "status").code == 0


def test_diff_needs_no_daemon_and_does_nothing(p42d: P42, home: Path, manifests: Path) -> None:
    said = p42d("diff", "-f", str(manifests), "-o", "json")
    assert said.code == 2, said
    steps = json.loads(said.out)["steps"]
    assert {(step["kind"], step["name"]) for step in steps} == {("Command", "hello")}
    assert not (home / "commands" / "hello").exists()
    assert not (home / "run" / "p42.sock").exists()
    assert p42d("start").code == 0
    assert json.loads(p42d("diff", "-f", str(manifests), "-o", "json").out)["steps"] == steps


def test_standard_input_is_kept_under_the_home(p42d: P42, home: Path) -> None:
    assert p42d("apply", "-f", "-", stdin=HELLO).code == 0
    assert (home / "manifests" / "applied" / "command-hello.yaml").exists()
    assert p42d("delete", "command/hello").code == 0
    _until(lambda: not (home / "commands" / "hello").exists())


def test_one_error_in_a_new_source_applies_nothing(p42d: P42, home: Path, manifests: Path) -> None:
    (manifests / "bad.yaml").write_text(HELLO.replace("hello", "bad").replace("source", "sorce"))
    said = p42d("apply", "-f", str(manifests))
    assert said.code == 3, said
    assert "bad.yaml:5:3: error" in said.err
    assert "source" in said.err
    assert not (home / "commands" / "hello").exists()


def test_a_broken_save_shows_first_in_status_and_the_old_one_runs(
    p42d: P42, home: Path, manifests: Path
) -> None:
    assert p42d("apply", "-f", str(manifests)).code == 0
    (manifests / "hello.yaml").write_text(HELLO + "  sorce: x\n")
    _until(lambda: p42d("get", "status").code == 2)
    said = p42d("get", "status")
    assert said.out.startswith(f"{manifests / 'hello.yaml'}:7:3: error")
    assert (home / "commands" / "hello").exists()


def test_wait_follows_a_resource_into_being(p42d: P42, manifests: Path) -> None:
    p42d("start")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(p42d, "wait", "command/hello", "--timeout", "20s")
        assert p42d("apply", "-f", str(manifests)).code == 0
        assert waiting.result().out == "command/hello ready\n"
    assert p42d("wait", "command/nobody", "--timeout", "50ms").code == 4


def test_pause_is_kept_and_seen(p42d: P42, home: Path, manifests: Path) -> None:
    p42d("apply", "-f", str(manifests))
    assert p42d("pause", "command/hello").code == 0
    (home / "commands" / "hello").unlink()
    _until(lambda: p42d("get", "status").code == 2)
    assert "Paused" in p42d("get", "status").out
    assert p42d("restart").code == 0
    assert p42d("get", "status").code == 2
    assert p42d("resume", "command/hello").code == 0
    assert p42d("wait", "command/hello", "--timeout", "20s").code == 0
    assert (home / "commands" / "hello").exists()


def test_a_watch_sees_the_change(p42d: P42, manifests: Path) -> None:
    p42d("apply", "-f", str(manifests))
    watching = subprocess.Popen(
        [sys.executable, "-P", "-m", "p42", "get", "commands", "-w", "-o", "json"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stdout is not None
    try:
        assert json.loads(watching.stdout.readline())["metadata"]["name"] == "hello"
        (manifests / "two.yaml").write_text(HELLO.replace("hello}", "two}"))
        assert json.loads(watching.stdout.readline())["metadata"]["name"] == "two"
    finally:
        watching.send_signal(signal.SIGINT)
        watching.wait(10)
        watching.stdout.close()


def test_start_and_stop_twice_are_once(p42d: P42, home: Path) -> None:
    first = p42d("start")
    assert first.code == 0
    pid = int((home / "run" / "p42.pid").read_text())
    assert p42d("start").out == f"p42 runs already (pid {pid})\n"
    assert p42d("stop").out == f"p42 stopped (pid {pid})\n"
    assert p42d("stop").out == "p42 does not run\n"
    assert not (home / "run" / "p42.sock").exists()


def test_of_many_starts_at_once_all_succeed_and_one_daemon_runs(p42d: P42, home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: p42d("start"), range(8)))
    assert [each.code for each in said] == [0] * 8, said
    assert processes.pid_in(home / "run" / "p42.pid") is not None


def test_a_start_that_fails_shows_the_daemons_last_words(p42d: P42, home: Path) -> None:
    (home / "config.toml").write_text("[gateway]\nport = 'x'\n")
    (home / "logs").mkdir(exist_ok=True)
    (home / "logs" / "daemon.log").write_text("p42 has stopped\n")  # of the one before
    said = p42d("start")
    assert said.code == 5
    assert "config.toml:2" in said.err
    assert "p42 has stopped" not in said.err
    assert "Traceback" not in said.err


def test_a_hung_daemon_is_stopped_by_a_signal(p42d: P42, home: Path) -> None:
    p42d("start")
    pid = int((home / "run" / "p42.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        stopping = pool.submit(p42d, "stop")
        _until(lambda: _pending_term(pid))
        os.kill(pid, signal.SIGCONT)
        assert stopping.result().out == f"p42 stopped (pid {pid})\n"


def _pending_term(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    pending = next(line for line in status.splitlines() if line.startswith("ShdPnd")).split()[1]
    return bool(int(pending, 16) & 1 << (signal.SIGTERM - 1))


def test_serve_runs_in_front_and_ctrl_c_ends_it_clean(home: Path, manifests: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "p42", "serve", "-f", str(manifests)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _until(lambda: (home / "commands" / "hello").exists())
    finally:
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=15)
    assert child.returncode == 0, said
    assert "Traceback" not in said
    assert not (home / "run" / "p42.sock").exists()


def test_stop_from_a_pipe_leaves_nobody_holding_it(home: Path, manifests: Path) -> None:
    """`p42 apply | cat` must end when apply ends: the daemon keeps no descriptor of its caller."""
    script = f"{sys.executable} -P -m p42 apply -f {manifests} 2>&1 | cat"
    try:
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60,
                              check=True)  # fmt: skip
        assert "1 created; all ready" in done.stdout
    finally:
        subprocess.run([sys.executable, "-P", "-m", "p42", "stop"], check=True,
                       capture_output=True)  # fmt: skip
