"""A real daemon in a process of its own, and plain sockets to talk to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from p42.client import link

PATIENCE = 30.0  # s; several daemons start at once on two cores


class Daemon:
    """`p42 serve` under `home`."""

    def __init__(self, home: Path, *arguments: str, **env: str) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "p42", "serve", *arguments],
            env={**os.environ, "P42_HOME": str(home), "P42_GATEWAY_PORT": "0", **env},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def until_up(self) -> Daemon:
        end = time.monotonic() + PATIENCE
        while not link.is_up(str(self.home)):
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the daemon did not come up:\n{self.ended()}")
            time.sleep(0.02)
        return self

    def ended(self) -> str:
        """Its stderr; ends it if it still runs."""
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE)[1]

    def ask(self, verb: str, **payload: Any) -> dict[str, Any]:
        return link.ask(str(self.home), verb, payload, timeout=PATIENCE)

    def stream(self, verb: str, **payload: Any) -> Iterator[dict[str, Any]]:
        return link.stream(str(self.home), verb, payload, timeout=PATIENCE)

    @property
    def port(self) -> int:
        """The gateway's."""
        items = {item["key"]: item["value"] for item in self.ask("config")["items"]}
        port: int = items["gateway.port"]
        return port

    def say(self, data: bytes) -> bytes:
        """As netcat: connect, send without newline, one recv."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as door:
            door.sendall(data)
            return door.recv(4096)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Seconds until it ended."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        return time.monotonic() - began


@contextmanager
def running(home: Path, *arguments: str, **env: str) -> Iterator[Daemon]:
    daemon = Daemon(home, *arguments, **env)
    try:
        yield daemon.until_up()
    finally:
        daemon.ended()


def command(name: str, source: str = "echo hello", **metadata: Any) -> str:
    """A manifest, as one document."""
    body = {
        "apiVersion": "p42.dev/v1", "kind": "Command", "metadata": {"name": name, **metadata},
        "spec": {"language": "bash", "source": f"{source}\n"},
    }  # fmt: skip
    return json.dumps(body) + "\n"


def declare(directory: Path, name: str, source: str = "echo hello") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.yaml"
    path.write_text(command(name, source))
    return path
