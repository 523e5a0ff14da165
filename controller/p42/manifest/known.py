"""Known: what the last reading of each file showed, and which manifests name which other files.

Changed in the thread that reads, asked in the loop as well: each answer is a copy of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from p42.manifest.disk import Signature
from p42.model.look import FileLook

Key = tuple[str, str]  # source, path
OURS = ("read", "busy", "unreadable")  # states of a file that held a manifest


class Seen(NamedTuple):
    """One file of one source. `attached`: the files its specs name, as they were."""

    look: FileLook
    signature: Signature | None  # None: to be read again whatever stat says
    attached: Mapping[str, Signature | None]


class Known:
    """By source and path. A change of a named file finds its manifests without a search: with
    thousands of manifests, each change of one would otherwise cost a look at all."""

    def __init__(self) -> None:
        self._files: dict[Key, Seen] = {}
        self._users: dict[str, set[Key]] = {}

    def get(self, source: str, path: str) -> Seen | None:
        """The last reading; None = there was none."""
        return self._files.get((source, path))

    def put(self, source: str, path: str, seen: Seen) -> None:
        """A newer reading."""
        key = (source, path)
        self._forget_names(key)
        self._files[key] = seen
        for name in seen.attached:
            self._users.setdefault(name, set()).add(key)

    def drop(self, source: str, path: str) -> None:
        """It is not there, or not ours to enter."""
        self._forget_names((source, path))
        self._files.pop((source, path), None)

    def ours(self, source: str) -> list[str]:
        """The files of `source` that held manifests, whatever they hold now; sorted."""
        files = list(self._files.items())
        return sorted(p for (s, p), seen in files if s == source and seen.look.state in OURS)

    def keep(self, source: str, paths: Collection[str]) -> None:
        """Of `source` there is nothing but `paths`."""
        for key in [key for key in self._files if key[0] == source and key[1] not in paths]:
            self.drop(*key)

    def users(self, name: str) -> frozenset[str]:
        """The manifests that name this file."""
        return frozenset(path for _, path in tuple(self._users.get(name, ())))

    def named(self, source: str) -> frozenset[str]:
        """The files that manifests of `source` name."""
        users = list(self._users.items())
        return frozenset(name for name, keys in users if any(k[0] == source for k in tuple(keys)))

    def _forget_names(self, key: Key) -> None:
        before = self._files.get(key)
        for name in before.attached if before is not None else ():
            keys = self._users[name]
            keys.discard(key)
            if not keys:
                del self._users[name]
