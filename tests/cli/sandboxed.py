"""Sandboxed: real forged commands, called as a person calls them: by their path, with a PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p42.kinds.command import kind
from p42.kinds.command.runs import forged
from p42.model.kind import Want
from p42.model.refs import Ref
from p42.runtimes.sandbox import landlock
from p42.runtimes.sandbox.sandbox import Sandbox
from tests.laws.situations import typed

BIN = Path(sys.executable).parent  # where `p42` is installed
FORMS = ("bwrap", "landlock")
WORDS = ("bash", "cat", "env", "grep", "head", "ls", "node", "python3", "sh", "sleep", "stty",
         "tee", "touch")  # fmt: skip


def lacks(form: str) -> str:
    """Why this form of sandbox cannot be tried here; "" = it can."""
    best = Sandbox.find(os.environ["PATH"])
    there = landlock.works() if form == "landlock" else best is not None and best.form == form
    return "" if there else f"{form} does not work on this machine"


@dataclass(frozen=True)
class Person:
    """A person with a home and a PATH: with `form` bwrap the machine's own, else one without it."""

    root: Path
    form: str

    def __post_init__(self) -> None:
        for each in (self.home, self.commands):
            each.mkdir(parents=True, exist_ok=True)
        if self.form != "bwrap" and not self.programs.exists():
            self.programs.mkdir()
            for name in WORDS:
                if found := shutil.which(name):
                    (self.programs / name).symlink_to(os.path.realpath(found))

    @property
    def home(self) -> Path:
        return self.root / "person"

    @property
    def commands(self) -> Path:
        return self.home / ".port42" / "commands"

    @property
    def programs(self) -> Path:
        return self.root / "programs"

    @property
    def env(self) -> dict[str, str]:
        rest = os.environ["PATH"] if self.form == "bwrap" else str(self.programs)
        kept = {name: os.environ[name] for name in ("LANG", "TERM") if name in os.environ}
        return {**kept, "HOME": str(self.home), "PATH": f"{BIN}:{self.commands}:{rest}"}

    def has(self, name: str, **spec: Any) -> Path:
        """Forge this command and put it where p42 would."""
        spec.setdefault("sandbox", {})
        data = forged(Want(Ref("Command", name), typed(kind, spec), {}, {}))
        assert data is not None
        path = self.commands / name
        path.write_bytes(data)
        path.chmod(0o755)
        return path

    def calls(self, *argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run `argv` as a shell would find it."""
        found = shutil.which(argv[0], path=self.env["PATH"])
        more = {"cwd": self.home, "env": self.env, "stdin": subprocess.DEVNULL, **more}
        return subprocess.run([found or argv[0], *argv[1:]], capture_output=True, text=True,
                              timeout=60, check=False, **more)  # fmt: skip


def lines(done: subprocess.CompletedProcess[str]) -> Sequence[str]:
    """What it printed; its complaints are shown by a test that fails."""
    assert done.stdout, done.stderr
    return done.stdout.splitlines()
