"""Sandbox: a program that reaches the system's programs, what it was granted, and nothing else.

bubblewrap where it works: name spaces of its own, so no other process, no network, no home. Else
Landlock, by a small wrapper that gives up its rights and becomes the program: the same files, and
no sockets; it still sees other processes, and can change the mode of a file it cannot read. Where
neither works there is no sandbox, and what needs one is not run.

    Sandbox.find() -> Sandbox | None
    sandbox.wrap(argv, Grants(...), cwd) -> argv
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from p42.config.homedir import home
from p42.model.errors import Blocked
from p42.model.grants import Grants
from p42.runtimes import landlock

# Programs and what they are linked with; no user's file is in them.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt")
# What programs read to begin at all, and to find names when they have the network.
SETTINGS = (
    "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/localtime", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ssl",
    "/etc/ca-certificates", "/etc/hosts", "/etc/resolv.conf", "/etc/gai.conf", "/etc/terminfo",
)  # fmt: skip
INTERPRETERS = ("python3", "node", "bash")
# Only in an interpreter's own tree: its library, a virtual environment, shims of pyenv and asdf.
OWN = ("lib/python3*/os.py", "lib/node_modules/npm", "pyvenv.cfg", "shims/*")
PROBE = 10.0  # s for a trial run; 15 ms are usual
NONE = (
    "it may only run in a sandbox, and this machine has none: install bubblewrap "
    "(apt install bubblewrap), or use a kernel with Landlock"
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """`form` bwrap: `program` is its path. landlock: the interpreter that runs the wrapper."""

    form: Literal["bwrap", "landlock"]
    program: str
    system: tuple[str, ...]

    @classmethod
    def find(cls, path: str) -> Sandbox | None:
        """The best that works here, tried out. `path` is the user's PATH. Blocking, 30 ms."""
        system = tuple(_system(path, (home(), Path.home(), Path.home() / ".local")))
        bwrap = shutil.which("bwrap", path=path)
        for found in (
            cls("bwrap", bwrap, system) if bwrap else None,
            cls("landlock", sys.executable, system) if landlock.works() else None,
        ):
            if found is not None and _works(found):
                return found
        return None

    def wrap(self, argv: Sequence[str], grants: Grants, cwd: Path | None = None) -> list[str]:
        """The command line that runs `argv` inside. Paths that are not there are left out."""
        if self.form == "bwrap":
            return [*self._bwrap(grants, cwd), "--", *argv]
        read, write = _there(grants.read), _there(grants.write)
        return landlock.command(
            self.program, argv, read=(*self.system, *_there(map(Path, SETTINGS)), *read),
            write=write, network=grants.network,
        )  # fmt: skip

    def _bwrap(self, grants: Grants, cwd: Path | None) -> Iterator[str]:
        yield from (self.program, "--unshare-all", "--die-with-parent", "--new-session")
        yield from ("--cap-drop", "ALL")  # root keeps them otherwise, and takes the walls down
        if grants.network:
            yield "--share-net"
        for each in self.system:
            link = str(Path(each).readlink()) if Path(each).is_symlink() else ""
            yield from ("--symlink", link, each) if link else ("--ro-bind", each, each)
        for each in SETTINGS:
            yield from ("--ro-bind-try", each, each)
        yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp")  # noqa: S108 - inside
        yield from _mounts(grants)
        yield from ("--chdir", str(cwd or "/"))


def needed(sandbox: Sandbox | None) -> Sandbox:
    """`sandbox`, if there is one. Blocked says what to install."""
    if sandbox is None:
        raise Blocked(NONE)
    return sandbox


def _system(path: str, private: Sequence[Path]) -> Iterator[str]:
    """System directories, and the trees of interpreters that stand elsewhere (pyenv, nvm)."""
    there = [each for each in SYSTEM if Path(each).exists()]
    yield from there
    for name in INTERPRETERS:
        found = shutil.which(name, path=path)
        for where in {found, os.path.realpath(found)} if found else ():
            root = Path(where).parent.parent  # PREFIX/bin/python3
            if _is_tree(root, private) and not any(root.is_relative_to(each) for each in there):
                there.append(str(root))
                yield str(root)


def _is_tree(root: Path, private: Sequence[Path]) -> bool:
    """Whether an interpreter's own tree is there, and not a user's: `~/bin/python3` opens no home,
    and `~/.local/bin/python3` not what programs keep beside it.
    """
    if any(each.is_relative_to(root) for each in private):
        return False
    return any(found for pattern in OWN for found in root.glob(pattern))


def _mounts(grants: Grants) -> Iterator[str]:
    """The outer before the inner: a later mount covers an earlier one. The same twice: written."""
    modes = {
        **dict.fromkeys(_there(grants.hide), "--tmpfs"),
        **dict.fromkeys(_there(grants.read), "--ro-bind"),
        **dict.fromkeys(_there(grants.write), "--bind"),
    }
    for each in sorted(modes, key=lambda path: len(Path(path).parts)):
        yield from (modes[each], each) if modes[each] == "--tmpfs" else (modes[each], each, each)


def _there(paths: Iterator[Path] | Sequence[Path]) -> list[str]:
    return [str(each) for each in paths if each.exists()]


def _works(sandbox: Sandbox) -> bool:
    try:
        run = subprocess.run(
            sandbox.wrap(["true"], Grants()), capture_output=True, timeout=PROBE, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0
