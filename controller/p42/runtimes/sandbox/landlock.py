"""Landlock: a process gives up its rights to files and sockets, and becomes another program.

Run in a process of its own, by the interpreter, with the standard library only:

    python -I -S -c CODE '{"system": [], "read": [], "write": [], "network": false}' PROGRAM ARG...

`read` and `write` are real paths; one that a link has been laid on since is refused. `system` is
what the machine's own links lead to.

What Landlock does not judge is refused by `seccomp.py`; root's privileges are given up as well.

Source: https://docs.kernel.org/userspace-api/landlock.html (ABI 1 files, 4 TCP, 6 signals).
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys

from p42.runtimes.sandbox import seccomp
from p42.runtimes.sandbox.sights import ASTRAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

CREATE, ADD, RESTRICT = 444, 445, 446  # system calls, the same on every architecture
VERSION = 1  # flag: ask for the ABI's version
PATH_BENEATH = 1
NO_NEW_PRIVS = 38  # prctl
CAPABILITIES = 0x20080522  # the version of capset's header that has two words
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
READING = EXECUTE | READ_FILE | READ_DIR
OF_FILES = (
    EXECUTE | WRITE_FILE | READ_FILE | (1 << 14) | (1 << 15)
)  # what a plain file can be given
# ABI -> how many rights to files it knows: truncate came with 3, ioctl on devices with 5.
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
ALL_RIGHTS = 16
TCP = 3  # bind and connect
SCOPES = 3  # abstract sockets and signals of others
KIND, DIRECTORY = 0o170000, 0o040000  # of a mode; `stat` costs a millisecond
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/full", "/dev/tty")
REFUSED = 126  # exit code, as of a program that cannot be run


def command(
    python: str, argv: Sequence[str], *, system: Sequence[str], read: Sequence[str],
    write: Sequence[str], network: bool,
) -> list[str]:  # fmt: skip
    """The command line that runs `argv` with these rights."""
    return [python, "-I", "-S", "-c", _code(), rules(system, read, write, network=network), *argv]


def rules(
    system: Sequence[str], read: Sequence[str], write: Sequence[str], *, network: bool
) -> str:
    """What `main` takes first."""
    return json.dumps({
        "system": list(system), "read": list(read), "write": list(write), "network": network
    })  # fmt: skip


def _code() -> str:
    root = os.path.abspath(f"{__file__}/../../../..")  # noqa: PTH100 - pathlib costs 8 ms of each run
    return f"import sys; sys.path.insert(0, {root!r}); import {__name__} as l; l.main(sys.argv[1:])"


def works() -> bool:
    """Whether this kernel has it, with files at least, and there is a filter for the rest."""
    return abi() >= 1 and seccomp.known()


def abi() -> int:
    """Landlock's version here; 0 or less = there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return int(_libc().syscall(CREATE, None, 0, VERSION))


def restrict(
    system: Sequence[str], read: Sequence[str], write: Sequence[str], *, network: bool
) -> None:
    """Give up all but these. OSError where the kernel refuses, or a link has been laid."""
    version = abi()
    if version < 1:
        raise OSError("this kernel has no Landlock")
    rights = (1 << RIGHTS.get(version, ALL_RIGHTS)) - 1
    tcp = TCP if version >= 4 and not network else 0
    attr = ctypes.create_string_buffer(24)
    ctypes.memmove(attr, _packed(rights, tcp, SCOPES if version >= 6 else 0), 24)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _called(CREATE, attr, size, 0)
    for path in system:
        _allow(ruleset, path, READING & rights)
    for path in DEVICES:
        _allow(ruleset, path, rights)
    for path in read:
        _allow(ruleset, path, READING & rights, real=True)
    for path in write:
        _allow(ruleset, path, rights, real=True)
    if _libc().prctl(NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no new privileges")
    _called(RESTRICT, ruleset, 0)
    os.close(ruleset)
    _drop_privileges()
    seccomp.restrict(network=network)


def _drop_privileges() -> None:
    """Root's too: with no new privileges in force, no program gives them back."""
    header = ctypes.create_string_buffer(_packed4(CAPABILITIES, 0), 8)
    nothing = ctypes.create_string_buffer(24)
    if _libc().capset(header, nothing):
        raise OSError(ctypes.get_errno(), "privileges")


def _allow(ruleset: int, path: str, rights: int, *, real: bool = False) -> None:
    """`real`: not if it leads elsewhere. What is held open is what is allowed."""
    try:
        there = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if real and os.readlink(f"/proc/self/fd/{there}") != path:  # noqa: PTH115 - as below
            raise OSError(errno.ELOOP, f"{path}: {ASTRAY}")
        plain = os.fstat(there).st_mode & KIND != DIRECTORY
        rule = ctypes.create_string_buffer(_packed(rights & OF_FILES if plain else rights)
                                           + there.to_bytes(4, sys.byteorder))  # fmt: skip
        _called(ADD, ruleset, PATH_BENEATH, rule, 0)
    finally:
        os.close(there)


def _packed(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, sys.byteorder) for number in numbers)


def _packed4(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)


def _called(number: int, *arguments: object) -> int:
    result = int(_libc().syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Restrict, then become the program."""
    given, program = json.loads(arguments[0]), arguments[1:]
    try:
        restrict(given["system"], given["read"], given["write"], network=given["network"])
        os.execvp(program[0], program)  # noqa: S606 - that is what it is for
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror or error}\n")
        sys.exit(REFUSED)
