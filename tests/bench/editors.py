"""Editors: how each saves a file, played in Python or done by the real program.

Each puts one more edit into the manifest at `path` as a person would: read it, change it, save it.
"""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "  # edits"  # the line under which edits are put, in the spec
PIECE = 4096  # bytes; what VS Code and most libraries write at once
Save = Callable[[Path, str], bool]  # path, edit; False = the editor itself did not save


def edited(text: str, edit: str) -> str:
    """`text` with one more edit in its spec."""
    return text.replace(MARK + "\n", f"{MARK}\n    - {edit}\n", 1)


def truncate(path: Path, edit: str) -> bool:
    """VS Code, `>`: truncate, then write in pieces."""
    data = edited(path.read_text(), edit).encode()
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), PIECE):
            file.write(data[start : start + PIECE])
    return True


def slow_truncate(path: Path, edit: str) -> bool:
    """The same, on a slow day."""
    data = edited(path.read_text(), edit).encode()
    with path.open("wb", buffering=0) as file:
        time.sleep(0.002)
        for start in range(0, len(data), PIECE):
            file.write(data[start : start + PIECE])
            time.sleep(0.001)
    return True


def rename(path: Path, edit: str) -> bool:
    """gedit, JetBrains: a new file, renamed over the old one."""
    new = path.with_name(f"{path.name}~new")
    new.write_text(edited(path.read_text(), edit))
    new.replace(path)
    return True


def rename_away(path: Path, edit: str) -> bool:
    """vim, emacs: the old file becomes the backup, a new one is made in its place."""
    text = edited(path.read_text(), edit)
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    with path.open("x") as file:
        file.write(text)
    backup.unlink()
    return True


def sed(path: Path, edit: str) -> bool:
    return _ran(["sed", "-i", f"s/^{MARK}$/&\\n    - {edit}/", path])


def vim(backupcopy: str) -> Save:
    """vim with its swap file, which we wait for."""
    return lambda path, edit: _vim(path, edit, "-c", f"set backupcopy={backupcopy}", "-c", "wq")


def vim_without_swap(path: Path, edit: str) -> bool:
    """vim -n shows no trace."""
    return _vim(path, edit, "-n", "-c", "wq!")


def _vim(path: Path, edit: str, *words: str) -> bool:
    add = f"call append(search('^{MARK}'), '    - {edit}')"
    argv = ["vim", "-V1", "-es", "-u", "NONE", "-i", "NONE", "-N", "-c", add, *words, path]
    done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    # Where somebody wrote after it had read, it asks a person; without one it does not save.
    return done.returncode == 0 and b"changed since reading" not in done.stderr


def ed(path: Path, edit: str) -> bool:
    return _ran(["ed", "-s", path], f"/^{MARK}/a\n    - {edit}\n.\nw\nq\n")


def emacs(path: Path, edit: str) -> bool:
    """Asks before it writes over a change, as vim does: told to go ahead."""
    find = f'(clear-visited-file-modtime) (goto-char (point-min)) (search-forward "{MARK}\\n")'
    put = f'(insert "    - {edit}\\n") (clear-visited-file-modtime) (save-buffer)'
    return _ran(["emacs", "--batch", "-Q", path, "--eval", f"(progn {find} {put})"])


def nano(path: Path, edit: str) -> bool:
    """On a terminal of its own: nano has no other way."""
    line = path.read_text().splitlines().index(MARK) + 2
    keys = [f"    - {edit}\r".encode(), b"\x13", b"\x18"]  # type, save, exit
    deadline = time.monotonic() + 10
    with terminal(["nano", "-I", f"+{line},1", str(path)]) as nano:
        while nano.runs() and time.monotonic() < deadline:
            painted = nano.painted()
            if b"has changed" in painted:
                keys.insert(0, b"y")  # it is about to ask whether to go on saving
            elif painted and keys:  # what is typed before it has painted is thrown away
                nano.type(keys.pop(0))
        return nano.wait() == 0


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, program: subprocess.Popen[bytes], master: int) -> None:
        self._program, self._master = program, master

    def runs(self) -> bool:
        return self._program.poll() is None

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def painted(self, rest: float = 0.02) -> bytes:
        """What it paints until it rests for that many seconds."""
        seen = b""
        while select.select([self._master], [], [], rest)[0]:
            try:
                seen += os.read(self._master, 65536)
            except OSError:
                break
        return seen

    def wait(self) -> int:
        """Its exit code; killed if it does not come to an end."""
        deadline = time.monotonic() + 5
        while self.runs() and time.monotonic() < deadline:
            self.painted()
        self._program.kill()
        return self._program.wait()


@contextmanager
def terminal(argv: list[str]) -> Iterator[Terminal]:
    """`argv` on a terminal; ended with the block."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    environment = {**os.environ, "TERM": "xterm"}
    program = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    try:
        yield Terminal(program, master)
    finally:
        program.kill()
        program.wait()
        os.close(master)


STYLES: dict[str, Save] = {
    "truncate": truncate, "slow truncate": slow_truncate, "rename": rename,
    "rename away": rename_away, "sed": sed, "ed": ed, "vim": vim("auto"),
    "vim backupcopy=yes": vim("yes"), "vim backupcopy=no": vim("no"),
    "vim -n": vim_without_swap, "nano": nano, "emacs": emacs,
}  # fmt: skip


def missing(style: str) -> str:
    """The program that this style needs and this machine lacks; "" if none."""
    program = style.split()[0]
    real = program in ("sed", "ed", "vim", "nano", "emacs")
    return program if real and shutil.which(program) is None else ""


def _ran(argv: list[str | Path], text: str = "") -> bool:
    done = subprocess.run(argv, input=text.encode(), capture_output=True, timeout=30, check=False)
    return done.returncode == 0
