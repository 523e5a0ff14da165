"""The daemon as a process: one per home, clean at its end, alive through what goes wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from p42.model.errors import NoDaemon
from tests.doors.daemons import Daemon, declare, running


def files_of(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean(tmp_path: Path, number: int) -> None:
    home = tmp_path / "home"
    with running(home) as daemon:
        declare(tmp_path / "source", "hello")
        daemon.ask("apply", paths=[str(tmp_path / "source")])
        assert daemon.stop(number) < 10
        assert daemon.process.returncode == 0
    assert not (home / "run" / "p42.sock").exists()
    assert not (home / "run" / "p42.pid").exists()
    left = {name for name in files_of(home) if name.endswith((".tmp", "-wal", "-shm"))}
    assert left == set()


def test_the_verb_stop_answers_before_the_end(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        assert daemon.ask("stop") == {"pid": daemon.process.pid}
        daemon.process.wait(timeout=10)
        with pytest.raises(NoDaemon):
            daemon.ask("ping")


def test_a_storm_of_signals_is_one_clean_stop(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        for number in (signal.SIGHUP, signal.SIGIO, signal.SIGPIPE):
            daemon.process.send_signal(number)
        assert daemon.ask("ping") == {}
        end = time.monotonic() + 10
        while daemon.process.poll() is None and time.monotonic() < end:
            daemon.process.send_signal(signal.SIGTERM)
            time.sleep(0.001)
        assert daemon.process.returncode == 0
    assert not (tmp_path / "run" / "p42.pid").exists()


def test_a_stop_does_not_wait_for_clients(tmp_path: Path) -> None:
    with running(tmp_path) as daemon, socket.create_connection(("127.0.0.1", daemon.port)) as idle:
        watching = daemon.stream("watch")
        with socket.socket(socket.AF_UNIX) as half:
            half.connect(str(tmp_path / "run" / "p42.sock"))
            half.sendall(b'{"type":"watch","stream":true}{"half')
            assert daemon.stop() < 10
        idle.close()
        watching.close()


def test_a_second_daemon_says_who_holds_the_home(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        second = Daemon(tmp_path)
        _, said = second.process.communicate(timeout=30)
        assert second.process.returncode == 1
        assert f"process {first.process.pid}" in said
        assert "Traceback" not in said
        assert first.ask("ping") == {}


def test_of_many_starts_at_once_one_wins(tmp_path: Path) -> None:
    starts = [Daemon(tmp_path) for _ in range(8)]
    try:
        end = time.monotonic() + 60
        while sum(each.process.poll() is None for each in starts) > 1:
            assert time.monotonic() < end
            time.sleep(0.05)
        (winner,) = [each for each in starts if each.process.poll() is None]
        assert winner.until_up().ask("ping") == {}
    finally:
        for each in starts:
            each.ended()


def test_a_daemon_that_was_killed_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        daemon.stop(signal.SIGKILL)
    assert (tmp_path / "run" / "p42.sock").exists()
    with running(tmp_path) as daemon:
        assert daemon.ask("ping") == {}


def test_the_pid_file_names_the_daemon_and_home_is_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as daemon:
        assert int((home / "run" / "p42.pid").read_text()) == daemon.process.pid
        for path in (home, home / "run", home / "logs"):
            assert path.stat().st_mode & 0o077 == 0


def test_taken_ports_are_told_and_the_daemon_runs_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with running(tmp_path, P42_GATEWAY_PORT=port) as daemon:
            (check,) = [c for c in daemon.ask("doctor")["checks"] if c["check"] == "gateway"]
            assert check["level"] == "problem"
            assert f"port {port} is taken" in check["remedy"]
            other.close()
            end = time.monotonic() + 20
            while daemon.ask("status")["port"] != port:
                assert time.monotonic() < end
                time.sleep(0.1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_this_machine_hears_nothing_on_either_door(tmp_path: Path) -> None:
    ask = """if True:
        import encodings.idna, os, socket, sys
        os.setgid(65534); os.setuid(65534)
        door = socket.socket()
        door.connect(("127.0.0.1", int(sys.argv[1])))
        try:
            door.sendall(b'{"type":"ping","id":"x"}')
            print(door.recv(100))
        except ConnectionError:
            print(b"")
        try:
            socket.socket(socket.AF_UNIX).connect(sys.argv[2])
        except PermissionError as error:
            print("refused")
    """
    with running(tmp_path) as daemon:
        path = str(tmp_path / "run" / "p42.sock")
        argv = [sys.executable, "-c", ask, str(daemon.port), path]
        said = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        assert said.stdout == "b''\nrefused\n", said.stderr
        assert daemon.say(b'{"type":"ping","id":"x"}') == b'{"id":"x","success":true}\n'


def test_a_crowd_of_open_files_does_not_stop_the_daemon(tmp_path: Path) -> None:
    def few() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))

    env = {**os.environ, "P42_HOME": str(tmp_path), "P42_GATEWAY_PORT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "p42", "serve"], env=env, preexec_fn=few,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    daemon = Daemon.__new__(Daemon)
    daemon.home, daemon.process = tmp_path, process
    try:
        port = daemon.until_up().port
        crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        assert daemon.ask("ping") == {}
        declare(tmp_path / "source", "hello")
        assert daemon.ask("apply", paths=[str(tmp_path / "source")])["code"] == 0
        for client in crowd:
            client.close()
    finally:
        daemon.ended()


def test_a_wrong_setting_is_told_with_exit_3_and_no_traceback(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, P42_GATEWAY_PORT="seven")
    _, said = daemon.process.communicate(timeout=30)
    assert daemon.process.returncode == 3
    assert "P42_GATEWAY_PORT" in said
    assert "Traceback" not in said


def test_a_source_that_does_not_hold_ends_serve_with_exit_3(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("apiVersion: p42.dev/v1\nkind: Command\nmetadata: {name: x}\nspec: {a: 1}\n")
    daemon = Daemon(tmp_path / "home", "-f", str(broken))
    _, said = daemon.process.communicate(timeout=30)
    assert daemon.process.returncode == 3
    assert "broken.yaml:4" in said
    assert "Traceback" not in said
