"""Stage: a file as it is now, and new bytes for it, whole, in a file of their own beside it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from p42.manifest.prescan import SIZE_LIMIT
from p42.manifest.write.dotdir import DotDir, discard, write_all
from p42.manifest.write.verdict import SOON, Gone, Refused, Wait

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class Base(NamedTuple):
    """A file as it was read. `path` is a real path: no symbolic link leads to it."""

    path: str
    data: bytes
    found: os.stat_result
    attributes: tuple[tuple[str, bytes], ...] = ()  # extended ones; access lists are among them


class Staged(NamedTuple):
    """New bytes for a file, whole, in a file of their own."""

    base: Base
    data: bytes
    path: str  # `new-*`, until the exchange
    aside: str  # `swap-*`: its name for the exchange; then that of the displaced file
    inode: int


def read_base(path: str) -> Base:
    """The plain file at `path`. Gone, Wait or Refused where it must not be written."""
    descriptor = open_file(path)
    try:
        before = os.fstat(descriptor)
        _allow(before)
        data = read_all(descriptor, before.st_size)
        attributes = _attributes(descriptor)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if state_of(before) != state_of(after) or len(data) != after.st_size:
        raise Wait("it is being written", after=SOON)
    return Base(path, data, after, attributes)


def stage(dot: DotDir, base: Base, data: bytes) -> Staged:
    """Write `data` beside the file of `base`, which stays as it is. OSError, Refused.

    Not synced yet: whoever stages many syncs once.
    """
    aside = dot.aside(os.path.basename(base.path), base.data, data)
    path = dot.fresh()
    descriptor = _open_new(dot, path, stat.S_IMODE(base.found.st_mode))
    try:
        write_all(descriptor, data)
        inode = _dress(descriptor, base)
    except BaseException:
        discard(path)
        raise
    finally:
        os.close(descriptor)
    return Staged(base, data, path, aside, inode)


def open_file(path: str) -> int:
    """A descriptor for reading. Gone, or Wait if somebody has a lease on it."""
    try:
        return os.open(path, _READ)
    except FileNotFoundError:
        raise Gone("it is not there") from None
    except BlockingIOError:
        raise Wait("somebody has a lease on it", after=SOON) from None


def read_all(descriptor: int, size: int) -> bytes:
    """The bytes from where the descriptor stands: `size`, and one more if there are more."""
    parts = []
    left = size + 1  # one more: has it grown?
    while left > 0 and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
        if left == 1:
            break  # that one was asked for, and is not there
    return b"".join(parts)


def state_of(found: os.stat_result) -> tuple[int, ...]:
    """Equal before and after if nobody wrote, replaced, linked or re-owned the file."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _allow(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Refused("it is no plain file")
    if found.st_size > SIZE_LIMIT:
        raise Refused("it is too large")
    if found.st_nlink > 1:
        raise Refused("it has hard links, which an exchange would part")
    if not found.st_mode & stat.S_IWUSR:
        raise Refused("it is read-only")


def _open_new(dot: DotDir, path: str, mode: int) -> int:
    """A descriptor for writing `path`, a new file in `dot`, which may have been taken away.

    `mode` is as good as final here: into `.p42/` its owner alone can look.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, mode)
    except FileNotFoundError:
        dot.make()
        return os.open(path, flags, mode)


def _dress(descriptor: int, base: Base) -> int:
    """Owner, extended attributes and mode of the old file.

    Returns the inode that now has them.
    """
    made, found = os.fstat(descriptor), base.found
    owned = (made.st_uid, made.st_gid) == (found.st_uid, found.st_gid)
    if not owned:
        try:
            os.fchown(descriptor, found.st_uid, found.st_gid)
        except PermissionError:
            raise Refused("its owner could not be kept") from None
    for name, value in base.attributes:
        with _of_attribute(name):
            os.setxattr(descriptor, name, value)
    # The first two may have changed it.
    if not owned or base.attributes or made.st_mode != found.st_mode:
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))
    return made.st_ino


def _attributes(descriptor: int) -> tuple[tuple[str, bytes], ...]:
    """All that can be read. Refused if one that must be kept cannot."""
    if not hasattr(os, "listxattr"):
        return ()
    try:
        names = os.listxattr(descriptor)
    except OSError:
        return ()  # a file system without any
    if not names:
        return ()  # the rule
    found = []
    for name in names:
        with _of_attribute(name):
            found.append((name, os.getxattr(descriptor, name)))
    return tuple(found)


@contextlib.contextmanager
def _of_attribute(name: str) -> Iterator[None]:
    """Refused if it must be kept and the system will not.

    Those of the system's security are given to each file by the system itself.
    """
    try:
        yield
    except OSError:
        if name.startswith(("user.", "system.posix_acl")):
            raise Refused(f"its attribute {name} could not be kept") from None
