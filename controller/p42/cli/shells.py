"""Shell: the lines that put p42 and a home's commands on PATH, added and taken out to the byte.

They go at the end of PATH: what p42 forges never hides a program of the system.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

MARK = "# added by `p42 init`"
_SIMPLE = re.compile(r"[A-Za-z0-9_./+-]*\Z")


@dataclass(frozen=True, slots=True)
class Shell:
    """`rc` is the file it reads at start, `owned` whether nobody but p42 writes there."""

    name: str
    rc: Path
    owned: bool = False

    def line(self, directory: Path) -> str:
        """What puts `directory` at the end of PATH, once, whatever its name is made of."""
        quoted = _quoted(directory, fish=self.name == "fish")
        if self.name == "fish":
            return f"fish_add_path --append --path {quoted}  {MARK}"
        return f'case ":$PATH:" in *:{quoted}:*) ;; *) export PATH="$PATH":{quoted} ;; esac  {MARK}'

    def has(self, directory: Path) -> bool:
        """Whether its line is there already."""
        return self.line(directory).encode() in _read(self.rc).split(b"\n")

    def add(self, *directories: Path) -> None:
        """Append a line each, in the place of those we added before.

        The rest of the file stays as it is, and a file that is a link stays one.
        """
        before = taken_out(_read(self.rc))
        line = b"\n".join(self.line(directory).encode() for directory in directories)
        after = before + (b"\n" + line if before and not before.endswith(b"\n") else line + b"\n")
        _replace(self.rc, after)

    def remove(self) -> bool:
        """Take our lines out; whether there was one."""
        before = _read(self.rc)
        after = taken_out(before)
        if after == before:
            return False
        if self.owned and not after:
            self.rc.unlink()
        else:
            _replace(self.rc, after)
        return True


def taken_out(data: bytes) -> bytes:
    """`data` without our lines: exactly what it was before `add`."""
    lines = data.split(b"\n")
    kept = [line for line in lines if not line.endswith(MARK.encode())]
    return b"\n".join(kept)


def known() -> tuple[Shell, ...]:
    """The shells p42 can set up, under this user's home."""
    home = Path.home()
    zsh = Path(os.environ.get("ZDOTDIR") or home)
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    # A login shell is what a terminal on macOS opens; it reads no .bashrc.
    bash = ".bash_profile" if sys.platform == "darwin" else ".bashrc"
    return (
        Shell("bash", home / bash),
        Shell("zsh", zsh / ".zshrc"),
        Shell("fish", config / "fish" / "conf.d" / "p42.fish", owned=True),
        Shell("sh", home / ".profile"),
    )


def chosen(name: str | None) -> Shell:
    """The shell of that name, else the user's own ($SHELL), else plain sh."""
    wanted = name or Path(os.environ.get("SHELL", "sh")).name
    by_name = {shell.name: shell for shell in known()}
    return by_name.get(wanted, by_name["sh"])


def _quoted(path: Path, *, fish: bool) -> str:
    home = str(Path.home())
    text = str(path)
    inside = text.removeprefix(home)
    if text.startswith(home + "/") and _SIMPLE.match(inside):
        return f'"$HOME{inside}"'
    if fish:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return shlex.quote(text)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all, with the mode it had; a link to a dotfiles repository stays a link."""
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f"{target.name}.p42-{os.getpid()}")
    try:
        fresh.write_bytes(data)
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o7777)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
