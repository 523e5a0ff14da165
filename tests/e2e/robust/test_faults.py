"""Faults of the machine: said with a reason, nothing lost, over without a restart when they end."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e.robust.box import Box
from tests.e2e.robust.powers import needs_permissions, powerless, small_disk
from tests.e2e.robust.texts import agent, command, save


def fill(directory: Path) -> Path:
    """Take every byte there is left."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    return filler


def test_a_full_disk_is_said_and_mended_without_a_restart(box: Box) -> None:
    save(box.manifests / "one.yaml", command("one"))
    with small_disk(box.home, "3m"):
        box.apply()
        filler = fill(box.home)
        save(box.manifests / "two.yaml", command("two", *(["echo two"] * 3000)))
        save(box.manifests / "muse.yaml", agent("muse"))
        box.until(lambda: "disk is full" in box.item("two").get("message", ""), "it is said")
        assert box.item("two")["reason"] == "Retry"
        assert box("get", "status").code == 2
        assert box.runs("one") == "one\n"
        filler.unlink()
        box("reconcile", "cmd/two")
        box.settled("one", "two", "muse")
        assert box.runs("two").startswith("two\ntwo\n")
        box.kill()
        box.serve().settled("one", "two", "muse")
        box.stop()
        assert left_in(box.home) == set()


def left_in(home: Path) -> set[str]:
    """Files of a stopped home that have no business there."""
    found = {p.name for p in home.rglob("*") if p.is_file() or p.is_socket()}
    return {name for name in found if name.endswith((".part", ".tmp", "-wal", "-shm", ".sock"))}


def test_a_daemon_starts_on_a_full_disk_or_says_why_not(box: Box) -> None:
    save(box.manifests / "one.yaml", command("one"))
    with small_disk(box.home, "3m"):
        box.apply().kill()
        filler = fill(box.home)
        box.forged("one").unlink()
        said = box("start")
        assert said.code in (0, 5), said
        assert said.code == 0 or "disk is full" in said.err
        filler.unlink()
        if said.code == 5:
            assert box("start").code == 0
        box.until(lambda: box.runs("one") == "one\n", "healed when there is room again")
        assert box("stop").code == 0


def test_a_full_disk_under_the_manifests_loses_no_byte_of_them(box: Box) -> None:
    text = "# mine\n" + command("one")
    with small_disk(box.manifests, "1m"):
        save(box.manifests / "one.yaml", text)
        filler = fill(box.manifests)
        box.apply()
        assert box.runs("one") == "one\n"
        box.stop()
        assert (box.manifests / "one.yaml").read_text() == text
        filler.unlink()


@needs_permissions
def test_a_read_only_directory_is_blocked_until_it_is_opened_and_asked_again(box: Box) -> None:
    save(box.manifests / "one.yaml", command("one"))
    box.before = powerless()
    box.apply()
    commands = box.home / "commands"
    modes = {path: path.stat().st_mode for path in (commands, commands / ".p42")}
    for path in modes:
        path.chmod(0o555)
    try:
        save(box.manifests / "two.yaml", command("two"))
        box.until(lambda: box.item("two").get("reason") == "Blocked", "it is said")
        assert str(commands) in box.item("two")["message"]
        assert "permission" in box.item("two")["message"]
        assert box("apply", "-f", str(box.manifests)).code == 2
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert box("apply", "-f", str(box.manifests)).code == 0
    assert box.runs("two") == "two\n"


@needs_permissions
def test_a_manifest_that_cannot_be_read_keeps_its_last_good_one(box: Box) -> None:
    path = save(box.manifests / "one.yaml", command("one"))
    save(box.manifests / "two.yaml", command("two"))
    box.before = powerless()
    box.apply()
    path.chmod(0)
    box.until(lambda: box.overview()["broken"], "it is said")
    assert "one.yaml" in box.overview()["broken"][0]["file"]
    assert box.runs("one") == "one\n"
    path.chmod(0o644)
    box.settled("one", "two")


@contextmanager
def crowd(box: Box, size: int) -> Iterator[None]:
    """So many idle clients at the control socket, or as many as it takes in."""
    with ExitStack() as stack:
        for _ in range(size):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(0.2)
            try:
                client.connect(str(box.home / "run" / "p42.sock"))
            except (BlockingIOError, TimeoutError):
                break
        yield


def test_too_many_open_files_is_over_when_they_are_closed(box: Box) -> None:
    save(box.manifests / "one.yaml", command("one"))
    box.before = ("prlimit", "--nofile=80:80")
    box.apply()
    with crowd(box, 120):
        save(box.manifests / "two.yaml", command("two"))
        box.forged("one").unlink()
    box.until(lambda: box.runs("one") == "one\n", "restored")
    box.until(lambda: box.runs("two") == "two\n", "made")
    box.settled("one", "two")
    assert box.stop() < 10


def gateway(box: Box) -> dict[str, str]:
    said = box("doctor", "-o", "json").json
    return next(check for check in said["checks"] if check["check"] == "gateway")


def test_both_usual_ports_taken_is_told_and_the_rest_goes_on(box: Box) -> None:
    save(box.manifests / "one.yaml", command("one"))
    del box.env["P42_GATEWAY_PORT"]
    with ExitStack() as stack:
        for port in (42, 4242):
            try:
                stack.enter_context(socket.create_server(("127.0.0.1", port), reuse_port=False))
            except OSError:
                continue  # taken by another already, or refused: as good for us
        box.apply()
        check = gateway(box)
        assert check["level"] == "problem"
        assert "42" in check["remedy"]
        assert "4242" in check["remedy"] + check["message"]
        assert box.runs("one") == "one\n"


def test_a_port_that_is_freed_is_taken_without_a_restart(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        box.env["P42_GATEWAY_PORT"] = str(port)
        box.serve()
        assert f"port {port} is taken" in gateway(box)["remedy"]
    box.until(lambda: gateway(box)["level"] == "ok", "the freed port is taken")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as door:
        door.sendall(b'{"type":"ping","id":"1"}')
        assert b'"success":true' in door.recv(4096)
