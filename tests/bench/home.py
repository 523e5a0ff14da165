"""Home: a p42 of its own for one bench: real daemon, real CLI, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import ran

P42 = str(Path(sys.executable).parent / "p42")


@dataclass(frozen=True, slots=True)
class Home:
    """One P42_HOME with a daemon, and a directory for manifests."""

    root: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "P42_HOME": str(self.root / "home"),
            "P42_GATEWAY_PORT": "0",
            "P42_HTTP_PORT": "0",
        }

    @property
    def manifests(self) -> Path:
        return self.root / "manifests"

    @property
    def commands(self) -> Path:
        return self.root / "home" / "commands"

    @property
    def pid(self) -> int:
        return int((self.root / "home" / "run" / "p42.pid").read_text())

    def p42(self, *words: str, accept: frozenset[int] = frozenset({0})) -> str:
        """The CLI, as a user calls it. What it printed."""
        return ran([P42, *words], env=self.env, cwd=self.root, accept=accept).stdout.decode()


@contextmanager
def fresh_home() -> Iterator[Home]:
    """A home with a running daemon under a temporary directory."""
    root = Path(tempfile.mkdtemp(prefix="p42-bench-"))
    home = Home(root)
    home.manifests.mkdir()
    try:
        home.p42("start")
        yield home
    finally:
        subprocess.run([P42, "stop"], env=home.env, capture_output=True, check=False)
        shutil.rmtree(root, ignore_errors=True)
