"""Walls: what stands around a program in the sandbox, as a command line of bubblewrap.

Without pathlib, dataclasses and subprocess, which cost 25 ms together: a person who calls a command
that declares `sandbox:` waits for this. Nothing is tried out here.

Source: bwrap(1).
"""

from __future__ import annotations

import os

from p42.scripts.paths import within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

# Programs and what they are linked with; no user's file is in them.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt")
# What programs read to begin at all, and to find names when they have the network.
SETTINGS = (
    "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
    "/etc/localtime", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ssl",
    "/etc/ca-certificates", "/etc/hosts", "/etc/resolv.conf", "/etc/gai.conf", "/etc/terminfo",
)  # fmt: skip
INTERPRETERS = ("python3", "node", "bash")
NONE = (
    "it may only run in a sandbox, and this machine has none: install bubblewrap "
    "(apt install bubblewrap), or use a kernel with Landlock"
)


def bwrap(
    program: str, modes: Mapping[str, str], names: Mapping[str, str], *, network: bool, cwd: str,
    keys: int | None = None, scratch: int = 0,
) -> list[str]:  # fmt: skip
    """All of the command line before `--`. `modes`: see `mounts`; `program` is bubblewrap's path.
    `names`: what stands for another path, which is mounted there.

    `keys` is a descriptor with a filter of system calls that keeps what is inside from typing into
    the terminal (`keystrokes.py`): with it, it stays in its caller's session, where job control
    works. Without, it has a session of its own and no terminal. `scratch`: see model.grants.
    """
    line = [program, "--unshare-all", "--die-with-parent"]
    line += ["--new-session"] if keys is None else ["--seccomp", str(keys)]
    line += ["--cap-drop", "ALL"]  # root keeps them otherwise, and takes the walls down
    line += ["--share-net"] if network else []
    for each in there(SYSTEM):
        line += (
            ["--symlink", os.readlink(each), each] if os.path.islink(each)  # noqa: PTH114, PTH115
            else ["--ro-bind", each, each]
        )  # fmt: skip
    for each in SETTINGS:
        line += ["--ro-bind-try", each, each]
    line += ["--proc", "/proc", "--dev", "/dev"]
    size = ["--size", str(scratch)] if scratch else []
    line += [*size, "--tmpfs", "/dev/shm"] if scratch else []  # noqa: S108 - inside
    line += [*size, "--tmpfs", "/tmp"]  # noqa: S108 - inside
    # The outer before the inner: a later mount covers an earlier one.
    for each in sorted(modes, key=lambda path: path.rstrip("/").count("/")):
        mode = modes[each]
        line += [mode, each] if mode == "--tmpfs" else [mode, names.get(each, each), each]
    # The root and /dev are memory too, and have no size of their own.
    for each in ("/dev", "/") if scratch else ():
        line += ["--remount-ro", each] if each not in modes else []
    return [*line, "--chdir", cwd]


def mounts(
    *, read: Iterable[str], write: Iterable[str], hide: Iterable[str] = (),
    names: Mapping[str, str],
) -> Mapping[str, str]:  # fmt: skip
    """Path to how it is mounted. What is not there is left out; the same twice is written.

    A name that lies in something else that is mounted is left out: it is a link, and stands there.
    """
    modes = {
        **dict.fromkeys(there(hide), "--tmpfs"),
        **dict.fromkeys(there(read), "--ro-bind"),
        **dict.fromkeys(there(write), "--bind"),
    }
    seen = [*SYSTEM, *(each for each in modes if modes[each] != "--tmpfs")]
    apart = (each for each in names if names[each] in modes and not within(each, seen))
    return {**modes, **{each: modes[names[each]] for each in apart}}


def there(paths: Iterable[str]) -> Sequence[str]:
    """Those of `paths` that are there."""
    return [each for each in paths if os.path.exists(each)]  # noqa: PTH110


def which(name: str, path: str) -> str | None:
    """The program that a shell would find on `path`."""
    for directory in path.split(os.pathsep):
        found = os.path.join(directory, name)  # noqa: PTH118
        if directory and os.access(found, os.X_OK) and os.path.isfile(found):  # noqa: PTH113
            return found
    return None


def system(path: str, private: Sequence[str]) -> Iterator[str]:
    """System directories, and the trees of interpreters that stand elsewhere (pyenv, nvm).

    `path` is the user's PATH, `private` directories that no tree may hold.
    """
    there = [each for each in SYSTEM if os.path.exists(each)]  # noqa: PTH110
    yield from there
    for name in INTERPRETERS:
        found = which(name, path)
        for where in {found, os.path.realpath(found)} if found else ():
            root = os.path.dirname(os.path.dirname(where))  # noqa: PTH120 - PREFIX/bin/python3
            if not within(root, there) and _is_tree(os.path.realpath(root), private):
                there.append(root)
                yield root


def trees(system: Iterable[str], granted: Collection[str]) -> Mapping[str, str]:
    """Those of `system` that no package manager of the machine keeps, with where they are now.

    A program may have put something else there that is no interpreter's: that is left out. So is
    what lies in `granted`, real paths: it is there as that is, to be written perhaps.
    """
    found = {each: os.path.realpath(each) for each in system if each not in SYSTEM}
    apart = {each: real for each, real in found.items() if not within(real, granted)}
    return {each: real for each, real in apart.items() if _is_tree(real, ())}


def _is_tree(root: str, private: Sequence[str]) -> bool:
    """Whether an interpreter's own tree is there, and not a user's: `~/bin/python3` opens no home,
    and `~/.local/bin/python3` not what programs keep beside it.

    Only in such a tree: its library, a virtual environment, shims of pyenv and asdf.
    """
    if any(within(each, (root,)) for each in private):
        return False
    more = os.path.exists(f"{root}/pyvenv.cfg") or bool(_names(f"{root}/shims"))  # noqa: PTH110
    return more or is_base(root, private)


def is_base(root: str, private: Sequence[str]) -> bool:
    """Whether an interpreter was installed there, with its library, and nothing `private`."""
    if any(within(each, (root,)) for each in private):
        return False
    own = ["lib/node_modules/npm"]
    own += [f"lib/{name}/os.py" for name in _names(f"{root}/lib") if name.startswith("python3")]
    return any(os.path.exists(f"{root}/{each}") for each in own)  # noqa: PTH110


def _names(directory: str) -> Sequence[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208
    except OSError:
        return ()
