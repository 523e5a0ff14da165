"""A real daemon with accounts, in a home of its own; and p42's command line at a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.doors.daemons import Daemon, running

PATIENCE = 30.0  # s
NO_KEY = ("KeyMissing", "KeyLocked")
NOTHING = "keyring.backends.fail.Keyring"  # no keychain, wherever the test runs
_LOGIN = "import sys; from p42.cli import exits, login; sys.exit(exits.guarded(lambda: login."


class Said(NamedTuple):
    """How a command ended, and all it printed."""

    code: int
    text: str


def account(name: str, key: str | None, **spec: object) -> str:
    """A manifest, as one document."""
    body = {
        "apiVersion": "p42.dev/v1", "kind": "Account", "metadata": {"name": name},
        "spec": {"provider": "anthropic", **({} if key is None else {"key": key}), **spec},
    }  # fmt: skip
    return json.dumps(body) + "\n"


@contextmanager
def accounts(home: Path, *documents: str, **env: str) -> Iterator[Daemon]:
    """A daemon that follows these."""
    source = home.parent / "source"
    source.mkdir(exist_ok=True)
    (source / "accounts.yaml").write_text("---\n".join(documents))
    with running(home, **{"PYTHON_KEYRING_BACKEND": NOTHING, **env}) as daemon:
        for _ in daemon.stream("apply", paths=[str(source)], wait=False):
            pass
        yield daemon


def reason(daemon: Daemon, *, until: Callable[[str], bool], name: str = "me") -> str:
    """Why the account is as it is, once `until` holds of that."""
    end = time.monotonic() + PATIENCE
    while True:
        items = daemon.ask("overview")["items"]
        found = next((str(each["reason"]) for each in items if each["name"] == name), "")
        if until(found):
            return found
        if time.monotonic() > end:
            raise AssertionError(f"account {name} stays {found}")
        daemon.ask("reconcile", refs=[f"account/{name}"])
        time.sleep(0.05)


def typed(home: Path, call: str, *lines: str, env: Mapping[str, str] | None = None) -> Said:
    """`login.CALL` at a terminal where a person types `lines`, each when asked."""
    command = [sys.executable, "-c", f"{_LOGIN}{call}))"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, {**os.environ, "P42_HOME": str(home), **(env or {})})
    said, waiting = b"", list(lines)
    try:
        end = time.monotonic() + PATIENCE
        asked = 0
        while time.monotonic() < end:
            ready, _, _ = select.select([terminal], [], [], 0.1)
            if ready:
                try:
                    piece = os.read(terminal, 4096)
                except OSError:  # the other end is closed
                    break
                said += piece
            if waiting and said.count(b": ") > asked and said.endswith(b": "):
                asked = said.count(b": ")
                os.write(terminal, waiting.pop(0).encode() + b"\n")
        _, status = os.waitpid(pid, 0)
        return Said(os.waitstatus_to_exitcode(status), said.decode().replace("\r\n", "\n"))
    finally:
        os.close(terminal)


def piped(home: Path, call: str, data: bytes, *, env: Mapping[str, str] | None = None) -> Said:
    """`login.CALL` without a terminal, with `data` on standard input."""
    return ran([sys.executable, "-c", f"{_LOGIN}{call}))"], data, home=home, env=env)


def ran(
    command: Sequence[str], data: bytes, *, home: Path, env: Mapping[str, str] | None = None
) -> Said:
    """A command to its end."""
    done = subprocess.run(
        command, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE,
        env={**os.environ, "P42_HOME": str(home), **(env or {})}, start_new_session=True,
        check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout.decode())
