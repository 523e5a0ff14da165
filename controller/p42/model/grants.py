"""Grants: what a program in the sandbox may reach beside the system's own programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Grants:
    """Absolute paths, trees when they are directories. Its own working directory is in `write`.

    Of nested ones the inner counts. `hide` is empty inside: bubblewrap alone can do that, and can
    keep a directory inside a writable one from being written. `by`: whose program it is that they
    are for, as a person is told: `command/NAME`. `scratch`: bytes that each of /tmp and /dev/shm,
    which are its own, may hold; beside them it can then make no file that is memory. 0 = as much as
    the machine gives. bubblewrap alone can do that, from 0.7 on.
    """

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    network: bool = False
    hide: tuple[Path, ...] = ()
    at: tuple[tuple[Path, Path], ...] = ()
    by: str = ""
    scratch: int = 0
