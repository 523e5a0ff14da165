"""Seccomp: system calls that Landlock does not judge, refused for good: for this process and all it
becomes.

A socket in the file system leads to whoever listens there: the session's D-Bus, docker, p42. So
none but those of the network, and not these without it; pairs stay, for they lead nowhere. Also no
io_uring, which makes sockets by another way, and none of the user's keys in the kernel.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import NamedTuple

from p42.runtimes.sandbox.filters import (
    ALLOW,
    AND,
    ARCHITECTURE,
    AT_LEAST,
    AUDIT,
    EQUAL,
    FIRST,
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

IO_URING = 425  # the same everywhere
INET, INET6, NETLINK = 2, 10, 16  # netlink tells a program its addresses and routes
TYPE, DATAGRAM = 0xF, 2  # of a pair: this kind can be sent elsewhere later


class Calls(NamedTuple):
    """Numbers of the system calls of one architecture."""

    socket: int
    pair: int
    keys: tuple[int, ...]  # add_key, request_key, keyctl


GENERIC = Calls(198, 199, (217, 218, 219))
MACHINES = {"x86_64": Calls(41, 53, (248, 249, 250)), "aarch64": GENERIC, "riscv64": GENERIC}


def known() -> bool:
    """Whether there is a filter for this machine."""
    return machine() in MACHINES


def restrict(*, network: bool) -> None:
    """Give them up. OSError where it cannot be done."""
    name = machine()
    if not name:
        raise OSError(UNKNOWN)
    put_in_force(_steps(AUDIT[name], MACHINES[name], network=network))


def _steps(audit: int, calls: Calls, *, network: bool) -> Iterator[bytes]:
    yield load(ARCHITECTURE)
    yield step(EQUAL, audit, 1, 0)
    yield refuse(errno.ENOSYS)
    yield load(NUMBER)
    yield step(AT_LEAST, X32, 0, 1)
    yield refuse(errno.ENOSYS)
    for number in (IO_URING, *calls.keys):
        yield step(EQUAL, number, 0, 1)
        yield refuse(errno.ENOSYS)
    yield step(EQUAL, calls.pair, 0, 5)
    yield load(SECOND)
    yield step(AND, TYPE)
    yield step(EQUAL, DATAGRAM, 0, 1)
    yield refuse(errno.EACCES)
    yield step(RETURN, ALLOW)
    yield step(EQUAL, calls.socket, 1, 0)
    yield step(RETURN, ALLOW)
    yield load(FIRST)
    for family in (INET, INET6, NETLINK) if network else ():
        yield step(EQUAL, family, 0, 1)
        yield step(RETURN, ALLOW)
    yield refuse(errno.EACCES)
