"""Spawn: from the keeper's one thread to a new process, by fork and exec.

A child is a session leader with its own process group, dies with the keeper, has an environment
that was chosen word by word, its limits, and no descriptor but those it was given.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from p42.keeper import linux

_MOST = 65536  # descriptors looked at when all are closed (close_range: one call)
FAILED = 127  # the shell's code for a program that could not be run


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use; 0 = no limit of ours."""

    memory: int = 0  # bytes of address space that can hold data (RLIMIT_DATA)
    cpu: int = 0  # seconds of processor time
    files: int = 256  # descriptors
    core: int = 0  # bytes of core dump: none, ever; memory may hold tokens
    nice: int = 0  # steps down in priority; each gives way by a fifth where others want to run


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `env` is the whole environment."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str = "/"
    limits: Limits = field(default_factory=Limits)


def start(
    program: Program, *, stdin: int, stdout: int, stderr: int, report: int | None = None
) -> int:
    """Fork and exec; the pid. The descriptors stay the caller's.

    A program that cannot be run ends with 127 and says why: its errno as text into the pipe
    `report`, which the program itself never sees, or in a sentence on `stderr`.
    """
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        if report is not None:
            report = fcntl.fcntl(report, fcntl.F_DUPFD_CLOEXEC, 3)
        enter(keeper, stdin=stdin, stdout=stdout, stderr=stderr)
        limit(program.limits)
        os.chdir(program.cwd)
        _close_all_but(report)
        os.execvpe(program.argv[0], list(program.argv), dict(program.env))  # noqa: S606
    except OSError as error:
        if report is not None:
            os.write(report, str(error.errno).encode())
        else:
            os.write(2, f"p42: {program.argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(FAILED)


def enter(keeper: int, *, stdin: int, stdout: int, stderr: int) -> None:
    """In the child: a session of its own, default signals, its three descriptors."""
    os.setsid()
    linux.die_with_parent(keeper)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    moved = [os.dup(fd) for fd in (stdin, stdout, stderr)]  # none of them may be 0, 1 or 2 yet
    for target, fd in enumerate(moved):
        os.dup2(fd, target, inheritable=True)
        os.close(fd)


def limit(limits: Limits) -> None:
    """In the child: what it may use. A limit above the hard one is cut to that."""
    wanted = {
        resource.RLIMIT_DATA: limits.memory,
        resource.RLIMIT_CPU: limits.cpu,
        resource.RLIMIT_NOFILE: limits.files,
    }
    for name, value in wanted.items():
        if value:
            hard = resource.getrlimit(name)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(name, (value, value))
    resource.setrlimit(resource.RLIMIT_CORE, (limits.core, limits.core))
    if limits.nice:
        os.nice(limits.nice)


def _close_all_but(kept: int | None) -> None:
    highest = max(_MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if kept is None:
        os.closerange(3, highest)
    else:
        os.closerange(3, kept)
        os.closerange(kept + 1, highest)
