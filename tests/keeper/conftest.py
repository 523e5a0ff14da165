"""A real keeper in a directory of its own, and a blocking daemon to talk to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.keeper import linux
from p42.keeper.frames import Decoder, Message, encode

ENTRY = "p42.runtimes.companion.companion:main"
PATIENCE = 10.0  # s until a condition that has to come is called missing


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait for a condition of another process; the value it had."""
    limit = time.monotonic() + PATIENCE
    while not (value := true()):
        if time.monotonic() > limit:
            raise TimeoutError(what)
        time.sleep(0.005)
    return value


def alive(pid: int) -> bool:
    """Whether `pid` runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


class Daemon:
    """A stand-in for p42's daemon: one connection, requests and events, blocking."""

    def __init__(self, run: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(PATIENCE)
        until(lambda: self._dial(run / "keeper.sock"), "the keeper listens")
        self._decoder = Decoder()
        self._heard: list[Message] = []
        self._seq = 0
        self.pid: int = self.event("hello")["pid"]

    def ask(self, op: str, fds: tuple[int, ...] = (), **fields: Any) -> Message:
        """One request and its answer."""
        self._seq += 1
        seq = self._seq
        message = {"op": op, "seq": seq, **fields, **({"fds": len(fds)} if fds else {})}
        socket.send_fds(self._sock, [encode(message)], list(fds))
        return self._next(lambda heard: heard.get("seq") == seq)

    def event(self, name: str) -> Message:
        """The next event of that name."""
        return self._next(lambda heard: heard.get("event") == name)

    def unit(self, name: str) -> Message:
        """One row of the table."""
        return next(row for row in self.ask("table")["units"] if row["name"] == name)

    def close(self) -> None:
        self._sock.close()

    def ended(self) -> bool:
        """Whether the keeper has gone; waits for it."""
        while self._sock.recv(65536):
            pass
        return True

    def _dial(self, path: Path) -> bool:
        try:
            self._sock.connect(str(path))
        except OSError:
            return False
        return True

    def _next(self, wanted: Callable[[Message], bool]) -> Message:
        while True:
            for index, message in enumerate(self._heard):
                if wanted(message):
                    return self._heard.pop(index)
            data = self._sock.recv(1 << 20)
            if not data:
                raise EOFError("the keeper closed the connection")
            self._heard.extend(self._decoder.feed(data))


def begin(run: Path, *, grace: float = 600.0) -> None:
    """Start a keeper; returns when it listens."""
    root = str(Path(linux.__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); import p42.keeper.__main__ as k; k.main()"
    argv = [sys.executable, "-I", "-S", "-c", code, str(run), str(grace), ENTRY]
    subprocess.run(argv, check=True, stdout=subprocess.PIPE)


def declaration(run: Path, name: str, **changed: Any) -> dict[str, Any]:
    """The fields of `declare` for a project."""
    spec = {
        "name": name, "project": name.title(), "token": "t", "aiId": f"project-{name}-ai",
        "broker": str(run / "nobody.sock"), "idle": changed.pop("idle", 0),
    }  # fmt: skip
    return {
        "name": f"ProjectCI/{name}", "port": 0, "digest": "one", "always": False, "spec": spec,
        "env": {"PATH": os.defpath}, "cwd": "/", "limits": {}, "log": str(run / f"{name}.log"),
        **changed,
    }  # fmt: skip


class Client:
    """What a Tekton client does: one connection, a line out, a line in."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._file = self.sock.makefile("rb")

    def say(self, message: Any) -> Any:
        self.sock.sendall(json.dumps(message).encode() + b"\n")
        return self.hear()

    def hear(self) -> Any:
        line = self._file.readline()
        return json.loads(line) if line else None

    def close(self) -> None:
        self._file.close()
        self.sock.close()


def ping(port: int) -> Any:
    """One ping on a connection of its own."""
    client = Client(port)
    try:
        return client.say({"type": "ping"})
    finally:
        client.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Path]:
    """A keeper's directory; whatever keeper lives there at the end is killed."""
    yield tmp_path
    lock = tmp_path / "keeper.lock"
    pid = int(lock.read_text() or 0) if lock.exists() else 0
    if pid and alive(pid):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def daemon(run: Path) -> Iterator[Daemon]:
    """A fresh keeper and a connection to it."""
    begin(run)
    link = Daemon(run)
    yield link
    link.close()
