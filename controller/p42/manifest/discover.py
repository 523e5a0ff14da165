"""Discover: which files of a source may be manifests.

Not entered: directories that begin with a dot, `forged/`, `node_modules/`, and what git ignores
(unless the source itself is ignored: then it was named on purpose). Links to directories are not
followed, as with `kubectl -R` and `find`: so there is no loop to be lost in, and one that leads
back up is an error, since whoever made it expects something else. Links to files of the source are
followed, and each file counts once; what leads out of the source is told apart, and not read.
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH120
from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import Literal, NamedTuple

from p42.manifest import git, links
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
    """One walk over a source. `files` sorted by path, with what stat(2) said of each.

    `strays`: links named like manifests that lead out of the source.
    """

    files: list[tuple[str, os.stat_result]]
    directories: list[str]
    problems: list[Problem]
    strays: list[str]


# Whether a walk comes across a path: it does; it would, did git not ignore it; it is a link that
# leads out; it lies behind one; it does not, or it counts under another name.
Verdict = Literal["in", "ignored", "out", "behind", "not"]


class _Level(NamedTuple):
    files: list[tuple[str, os.stat_result | None]]  # None: a link, judged when the walk is done
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
        self._before: dict[str, dict[str, bool]] = {}  # the same, by the rules before the last
        self._mute: set[str] = set()  # work trees whose git does not answer, until its rules change
        self._stamps: dict[str, tuple[object, ...]] = {}  # source -> of the rules of its last walk
        self._links: dict[str, dict[str, str]] = {}  # source -> file -> the link it is read by

    def walk(self, source: str) -> Walk:
        """All candidates of the directory `source` (absolute). OSError if it cannot be listed."""
        os.scandir(source).close()
        found, linked = Walk([], [], [], []), list[str]()
        root = self._root(source)
        level = [(source, root)]
        while level:
            following: list[tuple[str, str | None]] = []
            for tree, directories in _by_tree(level).items():
                entries = _Level([], [])
                for directory in directories:
                    _list(directory, entries, found.problems)
                found.directories.extend(directories)
                linked += self._keep(tree, entries, found, following)
            level = following
        self._links[source] = _follow(sorted(linked), source, found)
        found.files.sort(key=lambda pair: pair[0])
        self._remember(source, root, found.directories)
        return found

    def would_enter(self, source: str, path: str) -> bool:
        """Whether a walk of `source` would come across `path`, if that is a file."""
        return self.verdict(source, path) == "in"

    def verdict(self, source: str, path: str) -> Verdict:
        """What a walk of `source` would make of `path`, if that is a file."""
        if path == source:
            return "in"
        *parents, name = os.path.relpath(path, source).split("/")
        if not may_read(name) or not all(may_enter(parent) for parent in parents):
            return "not"
        parent = os.path.dirname(path)
        if parent != source and (led := links.within(parent, source)) != parent:
            return "behind" if led is None else "not"
        real = links.within(path, source)
        if real is None:
            return "out"
        chosen = self._links.get(source, {}).get(real, path)
        if real != path and (chosen != path or self.verdict(source, real) == "in"):
            return "not"
        root = self._root(source)
        tree = git.work_tree(parent) if root is not None else None
        return "ignored" if self._ignored(tree, [path]) else "in"

    def known_as(self, file: str) -> str:
        """The name by which walks came across `file` (real): itself, or a link's."""
        return next((each[file] for each in self._links.values() if file in each), file)

    def _root(self, source: str) -> str | None:
        """The work tree whose rules hold for `source`; the rules are read again if they changed."""
        root = git.work_tree(source)
        if root is None:
            return None
        stamp = self._stamps.get(source)
        if stamp is None or stamp != git.rules_stamp(root, _directories(stamp)):
            self._before, self._verdicts = self._verdicts, {}
            self._mute.clear()
        return None if root != source and self._ignored(root, [source]) else root

    def _remember(self, source: str, root: str | None, directories: list[str]) -> None:
        if root is not None:
            self._stamps[source] = git.rules_stamp(root, directories)

    def _keep(
        self, tree: str | None, level: _Level, found: Walk, following: list[tuple[str, str | None]]
    ) -> list[str]:
        """Take from `level` what git does not ignore; its links to files."""
        paths = [path for path, _ in level.files] + level.directories
        gone = self._ignored(tree, paths)
        left = [(path, there) for path, there in level.files if path not in gone]
        found.files.extend((path, there) for path, there in left if there is not None)
        for path in level.directories:
            if path not in gone:
                inner = tree is not None and os.path.lexists(f"{path}/.git")
                following.append((path, path if inner else tree))
        return [path for path, there in left if there is None]

    def _ignored(self, tree: str | None, paths: list[str]) -> frozenset[str]:
        if tree is None or not paths:
            return frozenset()
        known = self._verdicts.setdefault(tree, {})
        new = [path for path in paths if path not in known]
        if new and tree not in self._mute and (answer := git.ignored(tree, new)) is not None:
            known.update((path, path in answer) for path in new)
        elif new:
            self._mute.add(tree)  # one wait is enough; what it said before holds
            before = self._before.get(tree, {})
            known.update((path, before.get(path, False)) for path in new)
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
    linked = entry.is_symlink()
    if not reads and not (linked and may_enter(entry.name)):
        return
    try:
        found = entry.stat()
    except FileNotFoundError:
        if linked and reads:  # it leads nowhere now, and may have led somewhere
            level.files.append((entry.path, None))
        return
    except OSError as error:
        if reads or error.errno == errno.ELOOP:
            problems.append(Problem(entry.path, "unreadable", f"cannot be read: {why(error)}"))
        return
    if stat.S_ISREG(found.st_mode) and reads:
        level.files.append((entry.path, None if linked else found))
    elif stat.S_ISDIR(found.st_mode) and _leads_back(entry.path, directory):
        problems.append(Problem(entry.path, "link-loop", "is a link that leads back to a directory "
                                "it lies in"))  # fmt: skip


def _follow(linked: Iterable[str], source: str, found: Walk) -> dict[str, str]:
    """Add what `linked` lead to, once each; file -> the link that it is read by."""
    plain = {path for path, _ in found.files}
    chosen: dict[str, str] = {}
    for path in linked:
        real = links.within(path, source)
        if real is None:
            found.strays.append(path)
            continue
        try:
            there = os.lstat(real)
        except OSError:
            continue  # it leads nowhere
        if stat.S_ISREG(there.st_mode) and real not in plain and real not in chosen:
            chosen[real] = path
            found.files.append((path, there))
    return chosen


def _leads_back(link: str, directory: str) -> bool:
    target = os.path.realpath(link).rstrip("/") + "/"
    return (os.path.realpath(directory) + "/").startswith(target)


def _directories(stamp: Iterable[object]) -> list[str]:
    """The directories whose rules a stamp tells of."""
    places = (str(place[0]) for place in stamp if isinstance(place, tuple))
    return [place.removesuffix("/.gitignore") for place in places if place.endswith("/.gitignore")]
