"""Discover: which files of a source may be manifests.

Not entered: directories that begin with a dot, `forged/`, `node_modules/`, and what git ignores
(unless the source itself is ignored: then it was named on purpose). Links to files are followed,
links to directories are not, as with `kubectl -R` and `find`: so there is no loop to be lost in,
and one that leads back up is an error, since whoever made it expects something else.
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH114, PTH120
from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from p42.manifest import git
from p42.manifest.disk import why

SUFFIXES = (".yaml", ".yml", ".json")
_CLOSED = frozenset({"forged", "node_modules"})
_EMACS_LOCK = ".#"  # a link that leads nowhere, beside every file being edited


class Problem(NamedTuple):
    """What kept a path from being looked at."""

    path: str
    code: str
    message: str


class Walk(NamedTuple):
    """One walk over a source. `files` sorted by path, with what stat(2) said of each."""

    files: list[tuple[str, os.stat_result]]
    directories: list[str]
    problems: list[Problem]


class _Level(NamedTuple):
    files: list[tuple[str, os.stat_result]]
    directories: list[str]


def may_enter(name: str) -> bool:
    """Whether a directory of that name is looked into."""
    return not name.startswith(".") and name not in _CLOSED


def may_read(name: str) -> bool:
    """Whether a file of that name may be a manifest."""
    return name.endswith(SUFFIXES) and not name.startswith(_EMACS_LOCK)


class Walker:
    """Walks sources again and again; asks git only about what is new."""

    def __init__(self) -> None:
        self._verdicts: dict[str, dict[str, bool]] = {}  # work tree -> path -> ignored
        self._stamps: dict[str, tuple[object, ...]] = {}  # source -> of the rules of its last walk

    def walk(self, source: str) -> Walk:
        """All candidates of the directory `source` (absolute). OSError if it cannot be listed."""
        os.scandir(source).close()
        found = Walk([], [], [])
        root = self._root(source)
        level = [(source, root)]
        while level:
            following: list[tuple[str, str | None]] = []
            for tree, directories in _by_tree(level).items():
                entries = _Level([], [])
                for directory in directories:
                    _list(directory, entries, found.problems)
                found.directories.extend(directories)
                self._keep(tree, entries, found, following)
            level = following
        found.files.sort(key=lambda pair: pair[0])
        self._remember(source, root, found.directories)
        return found

    def would_enter(self, source: str, path: str) -> bool:
        """Whether a walk of `source` would come across `path`, if that is a file."""
        if path == source:
            return True
        *parents, name = os.path.relpath(path, source).split("/")
        if not may_read(name) or not all(may_enter(parent) for parent in parents):
            return False
        inner = source
        for parent in parents:
            inner = f"{inner}/{parent}"
            if os.path.islink(inner):
                return False
        root = self._root(source)
        tree = git.work_tree(os.path.dirname(path)) if root is not None else None
        return not self._ignored(tree, [path])

    def _root(self, source: str) -> str | None:
        """The work tree whose rules hold for `source`; the rules are read again if they changed."""
        root = git.work_tree(source)
        if root is None:
            return None
        stamp = self._stamps.get(source)
        if stamp is None or stamp != git.rules_stamp(root, _directories(stamp)):
            self._verdicts.clear()
        return None if root != source and self._ignored(root, [source]) else root

    def _remember(self, source: str, root: str | None, directories: list[str]) -> None:
        if root is not None:
            self._stamps[source] = git.rules_stamp(root, directories)

    def _keep(
        self, tree: str | None, level: _Level, found: Walk, following: list[tuple[str, str | None]]
    ) -> None:
        paths = [path for path, _ in level.files] + level.directories
        gone = self._ignored(tree, paths)
        found.files.extend(pair for pair in level.files if pair[0] not in gone)
        for path in level.directories:
            if path not in gone:
                inner = tree is not None and os.path.lexists(f"{path}/.git")
                following.append((path, path if inner else tree))

    def _ignored(self, tree: str | None, paths: list[str]) -> frozenset[str]:
        if tree is None or not paths:
            return frozenset()
        known = self._verdicts.setdefault(tree, {})
        new = [path for path in paths if path not in known]
        if new:
            answer = git.ignored(tree, new)
            known.update((path, path in answer) for path in new)
        return frozenset(path for path in paths if known[path])


def _by_tree(level: list[tuple[str, str | None]]) -> dict[str | None, list[str]]:
    grouped: dict[str | None, list[str]] = {}
    for directory, tree in level:
        grouped.setdefault(tree, []).append(directory)
    return grouped


def _list(directory: str, level: _Level, problems: list[Problem]) -> None:
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                _sort_in(entry, directory, level, problems)
    except FileNotFoundError:
        return  # removed while we walked: not there is not an error
    except OSError as error:
        problems.append(Problem(directory, "unreadable", f"cannot be listed: {why(error)}"))


def _sort_in(
    entry: os.DirEntry[str], directory: str, level: _Level, problems: list[Problem]
) -> None:
    if entry.is_dir(follow_symlinks=False):
        if may_enter(entry.name):
            level.directories.append(entry.path)
        return
    reads = may_read(entry.name)
    if not reads and not (entry.is_symlink() and may_enter(entry.name)):
        return
    try:
        found = entry.stat()
    except FileNotFoundError:
        return  # gone meanwhile, or a link that leads nowhere
    except OSError as error:
        if reads or error.errno == errno.ELOOP:
            problems.append(Problem(entry.path, "unreadable", f"cannot be read: {why(error)}"))
        return
    if stat.S_ISREG(found.st_mode) and reads:
        level.files.append((entry.path, found))
    elif stat.S_ISDIR(found.st_mode) and _leads_back(entry.path, directory):
        problems.append(Problem(entry.path, "link-loop", "is a link that leads back to a directory "
                                "it lies in"))  # fmt: skip


def _leads_back(link: str, directory: str) -> bool:
    target = os.path.realpath(link).rstrip("/") + "/"
    return (os.path.realpath(directory) + "/").startswith(target)


def _directories(stamp: Iterable[object]) -> list[str]:
    """The directories whose rules a stamp tells of."""
    places = (str(place[0]) for place in stamp if isinstance(place, tuple))
    return [place.removesuffix("/.gitignore") for place in places if place.endswith("/.gitignore")]
