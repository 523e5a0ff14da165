"""Keystrokes: a filter of system calls that keeps a program from typing into its own terminal.

TIOCSTI puts characters into a terminal as if they were typed, and TIOCLINUX pastes on a console: a
program that shares a person's terminal would give the shell after it commands to run, outside of
any sandbox (CVE-2017-5226, CVE-2023-28100). A session of its own would prevent that, and job
control too. `dev.tty.legacy_tiocsti = 0` (Linux 6.2) refuses it as well, but few set it, and root
is exempt: so the filter is always there, whatever the kernel says.

The request is compared by its low 32 bits, for the kernel looks at no more (CVE-2019-10063).
"""

from __future__ import annotations

import errno

from p42.runtimes.sandbox.filters import (
    ALLOW,
    ARCHITECTURE,
    AT_LEAST,
    AUDIT,
    EQUAL,
    NUMBER,
    RETURN,
    SECOND,
    UNKNOWN,
    X32,
    load,
    machine,
    refuse,
    step,
)
from p42.runtimes.sandbox.filters import restrict as put_in_force

TIOCSTI, TIOCLINUX = 0x5412, 0x541C
FOREIGN = 54  # ioctl of the 32-bit architectures that x86-64 and aarch64 run as well
IOCTL = {"x86_64": 16, "aarch64": 29, "riscv64": 29}


def program() -> bytes | None:
    """The filter, as `bwrap --seccomp` reads it; None for a machine that it is not known for."""
    name = machine()
    return b"".join(_steps(AUDIT[name], IOCTL[name])) if name else None


def restrict() -> None:
    """Put the filter on this process and all it becomes. OSError where it cannot be done."""
    whole = program()
    if whole is None:
        raise OSError(UNKNOWN)
    put_in_force([whole])


def _steps(audit: int, ioctl: int) -> list[bytes]:
    return [
        load(ARCHITECTURE),
        step(EQUAL, audit, 0, 4),
        load(NUMBER),
        step(AT_LEAST, X32, 0, 1),
        refuse(errno.ENOSYS),
        step(EQUAL, ioctl, 3, 2),
        load(NUMBER),
        step(EQUAL, FOREIGN, 1, 0),
        step(RETURN, ALLOW),
        load(SECOND),
        step(EQUAL, TIOCSTI, 1, 0),
        step(EQUAL, TIOCLINUX, 0, 1),
        refuse(errno.EPERM),
        step(RETURN, ALLOW),
    ]
