"""Directories: what is known of each directory with manifests: whose it is, what it can do."""

from __future__ import annotations

import os
from collections import Counter
from typing import NamedTuple

from p42.manifest.write.dotdir import DotDir, directory_of
from p42.manifest.write.homelock import HomeLock
from p42.manifest.write.kept import KeptFiles
from p42.manifest.write.obstacles import GitLook, editor_at, git_directory
from p42.manifest.write.probe import Ability, probe
from p42.manifest.write.verdict import Refused, in_words
from p42.model.refs import Ref

_SINGLY = 8  # files of a directory that are looked for one by one; then a listing is cheaper


class Here(NamedTuple):
    """A directory into which this home may write."""

    dot: DotDir
    ability: Ability
    git: str  # the `.git` it belongs to; "" = none


class Directories:
    """Of one home. Methods block; called from one thread, but for `describe`.

    What is remembered is bounded by the number of directories that hold manifests.
    """

    def __init__(self, home: str, kept: KeptFiles) -> None:
        self._lock = HomeLock(home)
        self._kept = kept
        self._known: dict[str, Here] = {}
        self._checked: dict[str, Here] = {}  # since the round began
        self._real: dict[str, str] = {}  # the same, of the links that lead to a directory
        self._git: dict[str, GitLook] = {}  # the same, of what git is in the middle of
        self._asked: Counter[str] = Counter()  # the same: how many of its files were asked about
        self._names: dict[str, frozenset[str]] = {}  # the same: of those with many
        self._met: set[str] = set()
        self._living: dict[str, set[Ref]] = {}  # by directory: whose status we have written
        self._leaving: set[str] = set()  # directories with none of ours left

    def begin(self) -> None:
        """A round begins: claims are looked at afresh, once for each directory."""
        for seen in (self._checked, self._real, self._git, self._asked, self._names):
            seen.clear()

    def real(self, path: str) -> str:
        """`path` without symbolic links in it, but for the last name."""
        directory, _, name = path.rpartition("/")
        found = self._real.get(directory)
        if found is None:
            found = self._real[directory] = os.path.realpath(directory or "/").rstrip("/")
        return f"{found}/{name}"

    def meet(self, directory: str) -> None:
        """See to what a crash left there, once in a process, if the directory is ours."""
        if directory in self._met:
            return
        dot = DotDir(directory)
        if self._lock.has(dot):
            self._met.add(directory)
            self._kept.recover(dot)

    def claim(self, directory: str) -> Here:
        """The directory, for writing. Refused if it is another home's, or cannot do it; OSError."""
        here = self._checked.get(directory)
        if here is None:
            here = self._checked[directory] = self._claim(directory)
        return here

    def _claim(self, directory: str) -> Here:
        here = self._known.get(directory)
        dot = here.dot if here is not None else DotDir(directory)
        self._lock.hold()
        other = self._lock.claim(dot)
        if other:
            raise Refused(f"the p42 of {other} writes into this directory")
        if here is None:
            self.meet(directory)
            dot.make()
            ability = probe(dot)
        else:
            ability = here.ability
        here = self._known[directory] = Here(dot, ability, git_directory(directory))
        if not here.ability.lease and not here.ability.exchange:
            raise Refused("the file system knows neither leases nor the exchange of names")
        return here

    def obstacle(self, path: str, here: Here) -> str:
        """Who is at work on that file, for a person; "" if nobody was when the round began.

        Right before the exchange both are looked for again.
        """
        return editor_at(path, self._listed(directory_of(path))) or self._look(here.git).first

    def git_now(self, here: Here) -> str:
        """What git is in the middle of, for a person; "" if nothing."""
        return self._look(here.git).now()

    def _look(self, git_directory: str) -> GitLook:
        if git_directory not in self._git:
            self._git[git_directory] = GitLook(git_directory)
        return self._git[git_directory]

    def _listed(self, directory: str) -> frozenset[str] | None:
        self._asked[directory] += 1
        if self._asked[directory] > _SINGLY and directory not in self._names:
            self._names[directory] = frozenset(os.listdir(directory))
        return self._names.get(directory)

    def own(self, directory: str) -> DotDir | None:
        """Where sidecars go; None if this directory is another home's or cannot be written."""
        if directory in self._checked:
            return self._checked[directory].dot
        dot = DotDir(directory)
        try:
            self._lock.hold()
            return None if self._lock.claim(dot) else dot
        except (OSError, Refused):
            return None

    def ours(self, directory: str) -> DotDir | None:
        """As `own`, but nothing is claimed that was not."""
        if directory in self._checked:
            return self._checked[directory].dot
        dot = DotDir(directory)
        return dot if self._lock.has(dot) else None

    def note(self, directory: str, ref: Ref, *, there: bool) -> None:
        """Whether that ref of the directory has a status of ours from now on."""
        living = self._living.setdefault(directory, set())
        if there:
            living.add(ref)
            self._leaving.discard(directory)
            return
        living.discard(ref)
        if not living:
            del self._living[directory]
            self._leaving.add(directory)

    def tidy(self) -> None:
        """Take away the `.p42/` of directories with none of ours left, once nothing is kept."""
        for directory in list(self._leaving):
            dot = DotDir(directory)
            if not os.path.isdir(dot.path):
                self._leaving.discard(directory)
            elif not dot.leftovers():
                self._leaving.discard(directory)
                self._known.pop(directory, None)
                self._met.discard(directory)
                if self._lock.has(dot):
                    dot.tidy()

    def let_go(self) -> None:
        """The writer ends: other homes may claim what was ours."""
        self._lock.let_go()

    def describe(self, directory: str) -> str:
        """How a status reaches that directory, for a person."""
        if not os.path.isdir(directory):
            return "sidecar: the directory is not there"
        try:
            ability = self._claim(os.path.realpath(directory)).ability
        except Refused as error:
            return f"sidecar: {error}"
        except OSError as error:
            return f"sidecar: {in_words(error)}"
        if ability.full:
            return "inline, with leases and exchange"
        lacks = "leases" if ability.exchange else "exchange of names"
        return f"inline, into files that have been quiet for a while: no {lacks} here"
