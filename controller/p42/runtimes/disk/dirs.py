"""Dir: a directory, opened so that nothing between the root and it can be a symbolic link.

Whoever can swap a directory for a link could send our writes anywhere; names are therefore
looked up one by one from the root's descriptor (openat(2) with O_NOFOLLOW), never as one path.
What lies outside the root (a program, a user's file) is reached as the system reaches it.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path

PRIVATE = 0o700
SHARED = 0o777  # in a user's own tree: the umask says who else
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def opened(
    root: Path, directory: Path, *, make: bool = False, mode: int = PRIVATE
) -> Iterator[int]:
    """A descriptor of `directory`. `make` creates what is missing, with `mode` less the umask.

    Raises OSError.
    """
    top, below = _way(root, directory)
    number = _top(top, make=make, mode=mode)
    try:
        for part in below:
            deeper = child(number, part, make=make, mode=mode)
            os.close(number)
            number = deeper
        yield number
    finally:
        os.close(number)


@functools.lru_cache(maxsize=256)  # a few directories are asked for thousands of times
def _way(root: Path, directory: Path) -> tuple[str, tuple[str, ...]]:
    """Where to begin, and the names to go down from there."""
    if directory.is_relative_to(root):
        return str(root), directory.relative_to(root).parts
    return str(directory), ()


def child(above: int, name: str, *, make: bool, mode: int = PRIVATE) -> int:
    """A descriptor of the directory `name` in `above`, which may not be a link."""
    try:
        return _below(above, name)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, mode, dir_fd=above)
    return _below(above, name)


def names(number: int) -> list[str]:
    """What stands in the directory behind a descriptor, in no order."""
    return os.listdir(number)


def _top(directory: str, *, make: bool, mode: int) -> int:
    try:
        return os.open(directory, _OPEN)
    except FileNotFoundError:
        if not make:
            raise
    Path(directory).mkdir(mode=mode, parents=True, exist_ok=True)
    return os.open(directory, _OPEN)


def _below(above: int, name: str) -> int:
    return os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=above)
