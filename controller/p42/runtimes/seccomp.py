"""Seccomp: system calls that Landlock does not judge, refused for good: for this process and all it
becomes.

A socket in the file system leads to whoever listens there: the session's D-Bus, docker, p42. So
none but those of the network, and not these without it; pairs stay, for they lead nowhere. Also no
io_uring, which makes sockets by another way, and none of the user's keys in the kernel.

Standard library only: it is loaded by `landlock.py`, in a process of its own.
Source: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

SET_SECCOMP, FILTER = 22, 2  # prctl
LOAD, EQUAL, AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06  # BPF, on 32-bit words
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24  # where they stand in seccomp_data
ALLOW, ERROR = 0x7FFF0000, 0x00050000  # the latter with the error's number
X32 = 0x40000000  # calls of x86-64's third ABI
IO_URING = 425  # the same everywhere
INET, INET6, NETLINK = 2, 10, 16  # netlink tells a program its addresses and routes
TYPE, DATAGRAM = 0xF, 2  # of a pair: this kind can be sent elsewhere later
NO_FILTER = "p42 knows no filter of system calls for this kind of machine"


@dataclass(frozen=True, slots=True)
class Calls:
    """Numbers of the system calls of one architecture."""

    audit: int  # how the kernel names it
    socket: int
    pair: int
    keys: tuple[int, ...]  # add_key, request_key, keyctl


GENERIC = (198, 199, (217, 218, 219))
MACHINES = {
    "x86_64": Calls(0xC000003E, 41, 53, (248, 249, 250)),
    "aarch64": Calls(0xC00000B7, *GENERIC),
    "riscv64": Calls(0xC00000F3, *GENERIC),
}


def known() -> bool:
    """Whether there is a filter for this machine."""
    return os.uname().machine in MACHINES


def restrict(*, network: bool) -> None:
    """Give them up. No new privileges must be in force. OSError where it cannot be done."""
    calls = MACHINES.get(os.uname().machine)
    if calls is None:
        raise OSError(NO_FILTER)
    rules = b"".join(_rules(calls, network=network))
    code = ctypes.create_string_buffer(rules, len(rules))

    class Program(ctypes.Structure):  # struct sock_fprog
        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    program = Program(len(rules) // 8, ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "no filter of system calls")


def _rules(calls: Calls, *, network: bool) -> Iterator[bytes]:
    """Jumps are counted from the next instruction: (if so, if not)."""
    yield _load(ARCHITECTURE)
    yield _step(EQUAL, calls.audit, 1, 0)
    yield _refuse(errno.ENOSYS)
    yield _load(NUMBER)
    yield _step(AT_LEAST, X32, 0, 1)
    yield _refuse(errno.ENOSYS)
    for number in (IO_URING, *calls.keys):
        yield _step(EQUAL, number, 0, 1)
        yield _refuse(errno.ENOSYS)
    yield _step(EQUAL, calls.pair, 0, 5)
    yield _load(SECOND)
    yield _step(AND, TYPE)
    yield _step(EQUAL, DATAGRAM, 0, 1)
    yield _refuse(errno.EACCES)
    yield _step(RETURN, ALLOW)
    yield _step(EQUAL, calls.socket, 1, 0)
    yield _step(RETURN, ALLOW)
    yield _load(FIRST)
    for family in (INET, INET6, NETLINK) if network else ():
        yield _step(EQUAL, family, 0, 1)
        yield _step(RETURN, ALLOW)
    yield _refuse(errno.EACCES)


def _load(offset: int) -> bytes:
    return _step(LOAD, offset)


def _refuse(number: int) -> bytes:
    return _step(RETURN, ERROR | number)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One struct sock_filter; every machine that is known has the little end first."""
    return code.to_bytes(2, "little") + bytes((yes, no)) + value.to_bytes(4, "little")
