"""Filters of system calls: programs for the kernel's own small machine, and putting them in force.

Loaded in processes of their own, and by a command a person waits for: standard library only, and
little of it. Source: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LOAD, EQUAL, AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06  # BPF, on 32-bit words
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24  # where they stand in seccomp_data
ALLOW, ERROR = 0x7FFF0000, 0x00050000  # the latter with the error's number
X32 = 0x40000000  # calls of x86-64's third ABI
# How the kernel names the architectures that p42 knows; each has the little end first.
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}
SET_SECCOMP, FILTER, NO_NEW_PRIVS = 22, 2, 38  # prctl
UNKNOWN = "p42 knows no filter of system calls for this kind of machine"


def machine() -> str:
    """This machine's name; "" for one that no filter is known for."""
    name = os.uname().machine
    return name if name in AUDIT else ""


def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One struct sock_filter. Jumps are counted from the next one: (if so, if not)."""
    return code.to_bytes(2, "little") + bytes((yes, no)) + value.to_bytes(4, "little")


def load(offset: int) -> bytes:
    """What stands there in seccomp_data is what the next steps compare."""
    return step(LOAD, offset)


def refuse(number: int) -> bytes:
    """The call fails with this errno."""
    return step(RETURN, ERROR | number)


def restrict(steps: Iterable[bytes]) -> None:
    """Put them in force on this process and all it becomes. OSError where it cannot be done."""
    import ctypes

    rules = b"".join(steps)
    code = ctypes.create_string_buffer(rules, len(rules))

    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    whole = Program(len(rules) // 8, ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        SET_SECCOMP, FILTER, ctypes.byref(whole), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "no filter of system calls")
