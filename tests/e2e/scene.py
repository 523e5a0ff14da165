"""Scene: one user on one fresh machine: a home, a directory, a shell, perhaps a running p42.

Everything is real: the installed `p42`, bash, the daemon. Leaving the scene stops the daemon and
asks that nothing of it is left over.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

from tests.e2e.console import Ask, Block, asks

BIN = Path(sys.executable).parent
PATIENCE = 15.0  # s; "a moment later" on a busy machine with two cores
DEADLINE = 90.0  # s; a command that takes longer hangs


@dataclass(frozen=True)
class Answer:
    """What one command printed (both streams, as a terminal shows them) and its exit code."""

    code: int
    output: str


class Scene:
    """`with Scene(tmp_path) as scene:` then `scene.sh("p42 apply -f hello.yaml")`.

    The shell keeps its directory and its exported variables from one command to the next.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.work = root / "work"
        self.home.mkdir()
        self.work.mkdir(exist_ok=True)
        self._state = root / "shell-state"
        self._state.write_text(f"cd {self.work}\n")
        self.env = {
            "HOME": str(self.home),
            "PATH": f"{BIN}:{self.home / '.port42/commands'}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "TMPDIR": str(root),
            # The machine's ports 42 and 4280 may be somebody else's.
            "P42_GATEWAY_PORT": "0", "P42_HTTP_PORT": "0",
            "COLUMNS": "120",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@example.org",
            "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@example.org",
        }  # fmt: skip

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sh("p42 stop")
        left = self.processes()
        for process in left:
            process.kill()
        if kind is None:
            assert not left, f"left over after `p42 stop`: {left}"

    def sh(self, command: str) -> Answer:
        """Run `command` in this scene's shell. No terminal, no standard input."""
        # Into a file, not a pipe: a daemon that kept the pipe open would hang the reader.
        script = (
            f". {self._state}\n{{ {command}\n}} 2>&1\ncode=$?\n"
            f'{{ export -p; printf "cd %q\\n" "$PWD"; }} > {self._state}\nexit $code\n'
        )
        out = self.root / "shell-output"
        with out.open("wb") as sink:
            done = subprocess.run(
                ["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                env=self.env, timeout=DEADLINE, check=False,
            )  # fmt: skip
        return Answer(done.returncode, out.read_text(encoding="utf-8", errors="replace"))

    def processes(self) -> list[psutil.Process]:
        """Processes of this scene's p42: those whose environment names this home."""
        mine = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == str(self.home):
                    mine.append(process)
            except psutil.Error:
                continue
        return mine

    def ask(self, ask: Ask, page: str) -> None:
        """Run one command of a page and compare with what the page shows."""
        deadline = time.monotonic() + (PATIENCE if ask.later else 0)
        while True:
            answer = self.sh(ask.command)
            if answer.code == ask.exit_code and ask.fits(answer.output):
                return
            if time.monotonic() > deadline:
                break
        raise AssertionError(
            f"{page}:{ask.line}: $ {ask.command}\n"
            f"exit {answer.code}, the page says {ask.exit_code}\n"
            f"--- the page shows\n{ask.expected}--- printed\n{answer.output}"
        )

    def play(self, page: Path, blocks: list[Block]) -> None:
        """Do what a page tells its reader to do, block by block."""
        for block in blocks:
            if block.file:
                target = self.work / block.file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text, encoding="utf-8")
            elif block.lang == "console":
                for ask in asks(block):
                    self.ask(ask, page.name)
