"""Exchange: new bytes for a file against everybody who may be saving it. A compare-and-swap.

    read_base   what the file is now: bytes, inode, owner, mode
    stage       the new bytes in a file of their own beside it, with its owner, mode and attributes
    swap        a write lease; the same inode with the same bytes? a last look; RENAME_EXCHANGE;
                did the inode that we looked at come out, with nobody waiting for it? else put back

Guarantees, with leases and exchange: no open file is replaced, what a rename puts at the path at
any moment is found and put back, and the displaced file is kept for whoever calls (`kept.py`).
Without leases a writer that had the file open is found by its bytes, at once or later in the kept
file. Without exchange, under the lease, a link keeps the old file, and a rename within the few
microseconds after the last look would win over the user's: so a quiet file is asked for.
Measured: 0 edits lost of 6,800, where "temporary file and rename" lost every second one
(reference/reliability.md, section 0 item 4).
"""
# ruff: noqa: PTH - system calls, some of them in a race with an editor

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from typing import NamedTuple

from p42.manifest.prescan import SIZE_LIMIT
from p42.manifest.write import kernel
from p42.manifest.write.dotdir import DotDir, write_all
from p42.manifest.write.probe import Ability
from p42.manifest.write.verdict import Gone, Refused, Wait

_ROUNDS = 50  # of putting back, each lost to another save; nobody saves that often in a row
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_SOON = 0.1  # s; a save was seen, and is over by then


@dataclass(frozen=True, slots=True)
class Base:
    """A file as it was read. `path` is a real path: no symbolic link leads to it."""

    path: str
    data: bytes
    found: os.stat_result


class Staged(NamedTuple):
    """New bytes for a file, whole, in a file of their own."""

    base: Base
    data: bytes
    path: str  # `new-*`, until the exchange
    aside: str  # `swap-*`: its name for the exchange; then that of the displaced file
    inode: int


def read_base(path: str) -> Base:
    """The plain file at `path`. Gone, Wait or Refused where it must not be written."""
    descriptor = _open(path)
    try:
        before = os.fstat(descriptor)
        _allow(before)
        data = _all(descriptor, before.st_size)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if _state(before) != _state(after) or len(data) != after.st_size:
        raise Wait("it is being written", after=_SOON)
    return Base(path, data, after)


def stage(dot: DotDir, base: Base, data: bytes) -> Staged:
    """Write `data` beside the file of `base`, which stays as it is. OSError, Refused.

    Not synced yet: whoever stages many syncs once.
    """
    dot.make()
    aside = dot.aside(os.path.basename(base.path), base.data, data)
    path = dot.fresh()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        write_all(descriptor, data)
        _dress(descriptor, base)
        inode = os.fstat(descriptor).st_ino
    except BaseException:
        discard(path)
        raise
    finally:
        os.close(descriptor)
    return Staged(base, data, path, aside, inode)


def swap(staged: Staged, ability: Ability) -> None:
    """Put the new bytes in the place of the old file, which is then at `staged.aside`.

    Wait if somebody saved or holds the file, Refused if the system will not. Neither leaves
    anything behind but, at worst, a `swap-*` that holds what a user saved and then replaced.
    """
    base = staged.base
    try:
        descriptor = _open(base.path)
    except BaseException:
        discard(staged.path)
        raise
    try:
        leased = _lease(descriptor, ability)
        try:
            _same(descriptor, base)
            if ability.exchange:
                _by_exchange(staged, descriptor, leased=leased)
            else:
                _by_rename(staged, descriptor)
        finally:
            if leased:
                kernel.release(descriptor)
    finally:
        discard(staged.path)
        os.close(descriptor)


def put_back(aside: str, path: str, placed: int) -> int:
    """What is at `aside` was taken from `path` when the inode `placed` was put there: undo that.

    What we hold is newer than what we had placed; whatever then comes out and is not what we had
    placed is newer still, because somebody put it there after us. So each goes back until our own
    comes out. Returns the inode left at `aside`, 0 if none is.
    """
    for _ in range(_ROUNDS):
        held = os.lstat(aside).st_ino
        try:
            kernel.exchange(aside, path)
        except FileNotFoundError:
            # Renamed away or deleted. An editor about to write it anew finds the old one, as if
            # we had not been there.
            with contextlib.suppress(FileExistsError):
                kernel.rename_new(aside, path)
                return 0
            continue
        out = os.lstat(aside).st_ino
        if out == placed:
            return out
        placed = held
    return os.lstat(aside).st_ino


def discard(path: str) -> None:
    """Unlink if it is there; what cannot be unlinked is left to the next start."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def in_words(error: OSError) -> str:
    """Why the system refused, for a person."""
    return {
        errno.EROFS: "the file system is read-only",
        errno.EACCES: "no permission to write there",
        errno.EPERM: "not permitted to write there",
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EBUSY: "the file itself is a mount point",
        errno.EXDEV: "the file itself is a mount point",
        errno.EIO: "the disk reports an input/output error",
    }.get(error.errno or 0, (error.strerror or str(error)).lower())


def _open(path: str) -> int:
    try:
        return os.open(path, _READ)
    except FileNotFoundError:
        raise Gone("it is not there") from None
    except BlockingIOError:
        raise Wait("somebody has a lease on it", after=_SOON) from None


def _allow(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Refused("it is no plain file")
    if found.st_size > SIZE_LIMIT:
        raise Refused("it is too large")
    if found.st_nlink > 1:
        raise Refused("it has hard links, which an exchange would part")
    if not found.st_mode & stat.S_IWUSR:
        raise Refused("it is read-only")


def _all(descriptor: int, size: int) -> bytes:
    parts = []
    left = size + 1  # one more than there should be: has it grown?
    while left > 0 and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _state(found: os.stat_result) -> tuple[int, ...]:
    """Equal before and after if nobody wrote, replaced, linked or re-owned the file."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _dress(descriptor: int, base: Base) -> None:
    """Owner, extended attributes (access lists are among them) and mode of the old file."""
    made, found = os.fstat(descriptor), base.found
    if (made.st_uid, made.st_gid) != (found.st_uid, found.st_gid):
        try:
            os.fchown(descriptor, found.st_uid, found.st_gid)
        except PermissionError:
            raise Refused("its owner could not be kept") from None
    if hasattr(os, "listxattr"):
        _copy_attributes(descriptor, base.path)
    os.fchmod(descriptor, stat.S_IMODE(found.st_mode))


def _copy_attributes(descriptor: int, path: str) -> None:
    try:
        names = os.listxattr(path)
    except OSError:
        return  # a file system without any
    for name in names:
        try:
            os.setxattr(descriptor, name, os.getxattr(path, name))
        except OSError:
            # Those of the system's security are given to each file by the system itself.
            if name.startswith("user.") or name.startswith("system.posix_acl"):
                raise Refused(f"its attribute {name} could not be kept") from None


def _lease(descriptor: int, ability: Ability) -> bool:
    state = kernel.lease(descriptor) if ability.lease else "unsupported"
    if state == "refused":
        raise Wait("somebody has it open", after=_SOON)
    return state == "held"


def _same(descriptor: int, base: Base) -> None:
    now = os.fstat(descriptor)
    if _state(now) != _state(base.found) or _all(descriptor, now.st_size) != base.data:
        raise Wait("it has just been saved", after=_SOON)


def _last_look(staged: Staged, descriptor: int, *, leased: bool) -> None:
    """Without this look 8 of 2,000 saves by rename were lost."""
    try:
        found = os.lstat(staged.base.path)
    except FileNotFoundError:
        raise Gone("it is not there") from None
    if _state(found) != _state(staged.base.found):
        raise Wait("it has just been saved", after=_SOON)
    if leased and not kernel.unbroken(descriptor):
        raise Wait("somebody is opening it", after=_SOON)


def _by_exchange(staged: Staged, descriptor: int, *, leased: bool) -> None:
    base, aside = staged.base, staged.aside
    os.rename(staged.path, aside)
    try:
        _last_look(staged, descriptor, leased=leased)
        kernel.exchange(aside, base.path)
    except FileNotFoundError:
        discard(aside)
        raise Gone("it is not there") from None
    except BaseException:
        discard(aside)
        raise
    if _came_out(staged, descriptor, leased=leased):
        return
    if put_back(aside, base.path, staged.inode) == staged.inode:
        discard(aside)
    raise Wait("it was saved at the same moment", after=_SOON)


def _came_out(staged: Staged, descriptor: int, *, leased: bool) -> bool:
    """Whether the exchange took out the file that was read, unchanged and wanted by nobody."""
    found, before = os.lstat(staged.aside), staged.base.found
    if (found.st_dev, found.st_ino) != (before.st_dev, before.st_ino):
        return False
    if leased and not kernel.unbroken(descriptor):
        return False
    if (found.st_size, found.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        return False
    os.lseek(descriptor, 0, os.SEEK_SET)
    return leased or _all(descriptor, found.st_size) == staged.base.data


def _by_rename(staged: Staged, descriptor: int) -> None:
    os.link(staged.base.path, staged.aside, follow_symlinks=False)
    try:
        found, read = os.lstat(staged.aside), staged.base.found
        if (found.st_ino, found.st_mtime_ns) != (read.st_ino, read.st_mtime_ns):
            raise Wait("it has just been saved", after=_SOON)
        if not kernel.unbroken(descriptor):
            raise Wait("somebody is opening it", after=_SOON)
        os.rename(staged.path, staged.base.path)
    except BaseException:
        discard(staged.aside)
        raise
