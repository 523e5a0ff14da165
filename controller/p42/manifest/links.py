"""Links: where a path leads, and whether it does so without leaving a directory.

What stands in a followed directory is the word of whoever may write there. A link that leads out of
it hands that word to others; so does one that comes back by way of a link outside, which others may
turn. Hard links cannot be told from files.
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH115, PTH118, PTH120, PTH208
from __future__ import annotations

import os
from collections.abc import Iterator

MOST = 40  # links on one way; Linux gives up there too (path_resolution(7))


def real(path: str) -> str:
    """Where `path` (absolute) leads, each name spelled as its directory has it.

    What is not there (any more) is kept as it is given. A way that never ends is kept from where
    it begins.
    """
    spelled = "/"
    for name in os.path.realpath(path).split("/")[1:]:
        spelled = _spelled(spelled, name) if name else spelled
    return spelled


def within(path: str, root: str) -> str | None:
    """Where `path` leads by no link but those below `root`; None = out of `root`.

    Both absolute; `root` is real, and `path` begins with it. What is not there is where it would
    be. A way that never ends, ends at a link.
    """
    left = list(_names(path[len(root) :]))
    at, budget = root, MOST
    while left:
        name = left.pop()
        if name == "..":
            at = os.path.dirname(at)
            continue
        here = os.path.join(at, name)
        target = _target(here)
        if target is None or budget == 0:
            at = here
        elif not lies_in(here, root):
            return None
        else:
            budget -= 1
            left += _names(target)
            at = "/" if target.startswith("/") else at
    return at if lies_in(at, root) else None


def lies_in(path: str, root: str) -> bool:
    """Whether `path` is below `root`, as text."""
    return path.startswith(root.rstrip(os.sep) + os.sep)


def _names(path: str) -> Iterator[str]:
    """The names of a path, the last first."""
    names = reversed(path.replace(os.sep, "/").split("/"))
    return (name for name in names if name not in ("", "."))


def _target(path: str) -> str | None:
    """What the link at `path` says; None = it is none."""
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        return None


def _spelled(directory: str, name: str) -> str:
    """`name` in `directory` as the directory lists it: some systems find `M` where `m` is."""
    path = os.path.join(directory, name)
    try:
        found = os.lstat(path)
        names = os.listdir(directory)
        if name in names:
            return path
        same = (other for other in sorted(names) if _is(os.path.join(directory, other), found))
        return os.path.join(directory, next(same, name))
    except OSError:
        return path  # not there, or a directory that may be passed and not listed


def _is(path: str, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.lstat(path), found)
    except OSError:
        return False
