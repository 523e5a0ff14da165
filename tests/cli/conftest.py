"""A home, a scripted daemon in it, and `p42` run in this process or as one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from p42.cli import main
from tests.cli.scripted import Scripted, thing


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, short enough for a socket's path; HOME is beside it."""
    path = tmp_path / "p42"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("P42_HOME", str(path))
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    for name in ("XDG_CONFIG_HOME", "ZDOTDIR", "P42_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "me").mkdir()
    return path


@pytest.fixture
def daemon(home: Path) -> Iterator[Scripted]:
    """A scripted daemon under `home`."""
    scripted = Scripted(home)
    scripted.answers["get"] = {"items": [thing("Command", "hello", source="echo hi"),
                                         thing("Command", "bye", source="echo bye")]}  # fmt: skip
    scripted.answers["table"] = {
        "columns": ["NAME", "READY", "AGE"],
        "rows": [["hello", "True", "3s"], ["bye", "False", "12m"]],
        "empty": "no commands declared",
    }
    yield scripted
    scripted.close()


@pytest.fixture
def p42(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run `p42 ARGV...` in this process."""

    def run(*argv: str) -> Said:
        capsys.readouterr()
        code = main.run(argv)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def p42_process(home: Path) -> Callable[..., Said]:
    """Run `p42 ARGV...` as a process of its own."""

    def run(*argv: str, stdin: str = "", **env: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "p42", *argv],
            input=stdin, capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, **env},
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    return run
