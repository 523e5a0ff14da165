"""Dot directory: `.p42/` beside the manifests, where everything temporary and every sidecar lives.

On the same file system as the manifests, so that a rename can exchange; not entered as a source;
ignored by git through a `.gitignore` of its own.

    new-*                       being written by us: never holds a byte of the user's
    swap-BASE-NEW-TOKEN-NAME    our new NAME until the exchange, the user's old one after it
    status/KIND-NAME.yaml       sidecars
    lock                        the home that writes into this directory
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import secrets
from typing import NamedTuple

from p42.manifest.write.verdict import Refused

NAME = ".p42"
_IGNORE = b"*\n"
# Others keep files of their own names here, `new-repo.yaml.previous` among them.
_TEMPORARY = re.compile(r"new-[0-9a-f]{9,}\Z|swap-[0-9a-f]{16}-[0-9a-f]{16}-[0-9a-f]{9,}-")
_NAME_LIMIT = 255  # bytes; NAME_MAX of every file system we know


class Swap(NamedTuple):
    """What the name of a `swap-` file says."""

    base: str  # digest of the bytes that were read
    new: str  # digest of the bytes that we put in their place
    name: str  # of the manifest


def short(data: bytes) -> str:
    """A digest of file content for a name: 64 bits, against accidents."""
    return hashlib.sha256(data).hexdigest()[:16]


class DotDir:
    """The `.p42/` of one directory. All methods block; OSError where the system refuses."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.path = f"{directory}/{NAME}"
        self._made = False
        self._tag = secrets.token_hex(4)  # of this process, and of no other that ever ran
        self._count = itertools.count()

    def make(self) -> None:
        """Make it if need be. Refused if something else is in its place."""
        if self._made and os.path.lexists(self.path):
            return
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.path, 0o700)
        if os.path.islink(self.path) or not os.path.isdir(self.path):
            raise Refused(f"{self.path} is not a directory")
        if os.lstat(self.path).st_dev != os.stat(self.directory).st_dev:
            raise Refused(f"{self.path} is on another file system")
        ignore = f"{self.path}/.gitignore"
        if not os.path.exists(ignore):
            self.place(ignore, _IGNORE)
        self._made = True

    def place(self, path: str, data: bytes) -> None:
        """Put `data` at `path` inside, whole or not at all, replacing. Not synced."""
        temporary = self.fresh()
        try:
            write_new(temporary, data)
            os.replace(temporary, path)
        except BaseException:
            discard(temporary)
            raise

    def fresh(self) -> str:
        """A path for a file being written."""
        return f"{self.path}/new-{self._token()}"

    def aside(self, name: str, base: bytes, new: bytes) -> str:
        """The path under which `new` waits and `base` is kept. Refused for an overlong name."""
        aside = f"swap-{short(base)}-{short(new)}-{self._token()}-{name}"
        if len(os.fsencode(aside)) > _NAME_LIMIT:
            raise Refused("its name is too long")
        return f"{self.path}/{aside}"

    def _token(self) -> str:
        return f"{self._tag}{next(self._count):x}"

    def leftovers(self) -> list[str]:
        """Paths of all temporary files there are now; [] if there is no `.p42/`."""
        try:
            names = os.listdir(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [f"{self.path}/{name}" for name in names if _TEMPORARY.match(name)]

    def tidy(self) -> None:
        """Take `.p42/` away if it holds nothing but what every one holds."""
        with contextlib.suppress(OSError):
            os.rmdir(f"{self.path}/status")
        with contextlib.suppress(OSError):
            if set(os.listdir(self.path)) <= {".gitignore", "lock"}:
                for name in os.listdir(self.path):
                    os.unlink(f"{self.path}/{name}")
                os.rmdir(self.path)
                self._made = False


def parse_swap(path: str) -> Swap | None:
    """What a `swap-` file's name says; None if it is none of ours."""
    parts = os.path.basename(path).split("-", 4)
    return Swap(parts[1], parts[2], parts[4]) if len(parts) == 5 and parts[0] == "swap" else None


def directory_of(path: str) -> str:
    """The directory of `path`, which is absolute."""
    return path.rpartition("/")[0] or "/"  # an eighth of the time of os.path.dirname


def discard(path: str) -> None:
    """Unlink if it is there; what cannot be unlinked is left to the next start."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def write_new(path: str, data: bytes) -> None:
    """Write a file that is not there yet, readable by its owner alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Every byte, however little a call takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
