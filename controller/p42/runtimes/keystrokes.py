"""Keystrokes: a filter of system calls that keeps a program from typing into its own terminal.

TIOCSTI puts characters into a terminal as if they were typed, and TIOCLINUX pastes on a console: a
program that shares a person's terminal would give the shell after it commands to run, outside of
any sandbox (CVE-2017-5226, CVE-2023-28100). A session of its own would prevent that, and job
control too. `dev.tty.legacy_tiocsti = 0` (Linux 6.2) refuses it as well, but few set it, and root
is exempt: so the filter is always there, whatever the kernel says.

The request is compared by its low 32 bits, for the kernel looks at no more (CVE-2019-10063).
Standard library only. Source: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import errno
import os

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF, on 32-bit words
NUMBER, ARCHITECTURE, REQUEST = 0, 4, 24  # where they stand in seccomp_data
ALLOW, ERROR = 0x7FFF0000, 0x00050000  # the latter with the error's number
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
X32 = 0x40000000  # calls of x86-64's third ABI
FOREIGN = 54  # ioctl of the 32-bit architectures that x86-64 and aarch64 run as well
# How the kernel names the architecture, and its ioctl.
MACHINES = {
    "x86_64": (0xC000003E, 16), "aarch64": (0xC00000B7, 29), "riscv64": (0xC00000F3, 29),
}  # fmt: skip
SET_SECCOMP, FILTER, NO_NEW_PRIVS = 22, 2, 38  # prctl


def program() -> bytes | None:
    """The filter, as `bwrap --seccomp` reads it; None for a machine that it is not known for."""
    known = MACHINES.get(os.uname().machine)
    return None if known is None else b"".join(_rules(*known))


def restrict() -> None:
    """Put the filter on this process and all it becomes. OSError where it cannot be done."""
    import ctypes

    rules = program()
    if rules is None:
        raise OSError("p42 knows no filter of system calls for this kind of machine")
    code = ctypes.create_string_buffer(rules, len(rules))

    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    whole = Program(len(rules) // 8, ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        SET_SECCOMP, FILTER, ctypes.byref(whole), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "no filter of system calls")


def _rules(audit: int, ioctl: int) -> list[bytes]:
    """Jumps are counted from the next instruction: (if so, if not)."""
    return [
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, audit, 0, 4),
        _step(LOAD, NUMBER),
        _step(AT_LEAST, X32, 0, 1),
        _step(RETURN, ERROR | errno.ENOSYS),
        _step(EQUAL, ioctl, 3, 2),
        _step(LOAD, NUMBER),
        _step(EQUAL, FOREIGN, 1, 0),
        _step(RETURN, ALLOW),
        _step(LOAD, REQUEST),
        _step(EQUAL, TIOCSTI, 1, 0),
        _step(EQUAL, TIOCLINUX, 0, 1),
        _step(RETURN, ERROR | errno.EPERM),
        _step(RETURN, ALLOW),
    ]


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One struct sock_filter; every machine that is known has the little end first."""
    return code.to_bytes(2, "little") + bytes((yes, no)) + value.to_bytes(4, "little")
