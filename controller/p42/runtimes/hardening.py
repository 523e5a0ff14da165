"""Hardening: the limits the daemon sets itself: its memory, which holds keys, stays inside it."""

from __future__ import annotations

import contextlib
import resource

from p42.keeper.linux import undumpable

DESCRIPTORS = 8192  # 1,024 connections on each door, and the files; children inherit it


def harden() -> None:
    """No core dump, and no other program of this user looks into our memory (ptrace, /proc/PID).

    Both, since each has a hole: a core limit of 0 does not hold where the kernel pipes dumps to a
    program (core(5)), and the kernel's mark is not there on macOS. Only the soft limit is lowered:
    children inherit it and may raise it for themselves. The mark does not outlive their exec.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    undumpable()


def open_more_files() -> None:
    """A shell's usual 1,024 are few for a daemon; what the system allows is asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
