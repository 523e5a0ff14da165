"""A daemon's start: what it does without, what goes first, and that nothing is left of one that
came to nothing."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from pathlib import Path

from p42.runtimes.disk.lock import HomeLock
from tests.doors.daemons import running
from tests.keeper.conftest import alive, until

# Each takes tens of milliseconds that a socket waits for after a crash.
LATER = ("anthropic", "openai", "httpx2", "starlette", "uvicorn", "typer", "click", "psutil",
         "keyring", "cryptography", "pyrage", "rich", "prompt_toolkit", "jsonschema", "anyio",
         "p42.api.talks", "p42.api.looking", "p42.web.table")  # fmt: skip
ROOMS = ("p42.daemon.rooms", "p42.engine", "p42.kinds", "pydantic", "asyncio", "typer", "yaml")


def imported(code: str, names: tuple[str, ...], home: Path) -> tuple[list[str], str]:
    """Which of `names` a process has imported after `code`, and what it said on stderr."""
    text = f"import sys\n{code}\nprint(*[name for name in {names!r} if name in sys.modules])"
    env = {**os.environ, "P42_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", text], env=env, capture_output=True, text=True,
                          check=True)  # fmt: skip
    return done.stdout.split(), done.stderr


def test_a_start_imports_no_vendor_no_web_and_no_verb(tmp_path: Path) -> None:
    code = "import p42.cli.main, p42.cli.daemons, p42.daemon.held, p42.daemon.serving, p42.kinds\n"
    assert imported(f"{code}p42.kinds.discover()", LATER, tmp_path) == ([], "")


def test_who_finds_the_home_taken_has_imported_no_room(tmp_path: Path) -> None:
    code = "from p42.cli.main import run\nassert run(['serve']) == 1"
    with HomeLock(tmp_path):
        names, said = imported(code, ROOMS, tmp_path)
    assert names == []
    assert f"p42 already runs for {tmp_path} (process {os.getpid()})" in said


def test_the_http_door_answers_the_first_who_knocks(tmp_path: Path) -> None:
    with running(tmp_path / "home", P42_HTTP_PORT="0") as daemon:
        items = {item["key"]: item["value"] for item in daemon.ask("config")["items"]}
        for _ in range(2):
            door = http.client.HTTPConnection("127.0.0.1", int(items["http.port"]), timeout=30)
            door.request("GET", "/api/v1/openapi.json")
            assert door.getresponse().status in (200, 401)
            door.close()


def test_a_start_that_fails_leaves_no_keeper(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "state.db").mkdir()
    done = subprocess.run([sys.executable, "-m", "p42", "serve"], capture_output=True, text=True,
                          env={**os.environ, "P42_HOME": str(home)}, timeout=60)  # fmt: skip
    assert done.returncode == 1
    assert "state.db" in done.stderr
    lock = home / "run" / "keeper.lock"
    pid = until(lambda: int(lock.read_text() or 0), "a keeper was begun")
    until(lambda: not alive(pid), "it has ended")
