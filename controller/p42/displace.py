"""Displace: a file takes the place of the one that was read, and of no other.

    put        a new file where what was read stands, or where nothing does
    take       away what was read
    put_back   what came out was something else: it is newer than ours, so it goes back

Guarantees: whatever stands there instead of what was read stays there, also if it was saved
between the look and the exchange of the two names, which is one step of the kernel (renameat2(2),
RENAME_EXCHANGE): what came out is looked at. No link is followed. Nothing is synced.

Caveats: where a file system knows no exchange, a rename right after the look has to do; a save
within those microseconds is lost there. Who had the file open writes on into the displaced one;
`manifest/write` keeps that and looks at it again, who else calls does not.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from functools import cache
from typing import Any, NamedTuple

_AT_FDCWD = -2 if sys.platform == "darwin" else -100
_NOREPLACE, _EXCHANGE = 1, 2  # linux/fs.h, RENAME_NOREPLACE and RENAME_EXCHANGE
_MAC_EXCL, _MAC_SWAP = 4, 2  # sys/stdio.h, RENAME_EXCL and RENAME_SWAP
_PEEK = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
_ROUNDS = 50  # of putting back, each lost to another save; nobody saves that often in a row

# What a file system answers that does not know a call or a flag.
UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY})


class Spot(NamedTuple):
    """A name, in an open directory; without one it is a path."""

    name: str
    directory: int | None = None


class Placed(NamedTuple):
    """A file that was put somewhere. Its bytes too: the number of a deleted inode is used again."""

    inode: int
    data: bytes


class PutBack(NamedTuple):
    """`clean`: what we had placed came out, and is at the aside. `saved`: all that went back."""

    clean: bool
    saved: tuple[bytes, ...]


def put(new: Spot, target: Spot, *, was: bytes | None) -> bool:
    """Put the file `new` at `target` if that is `was`; None = nothing is there. OSError.

    False: something else is, and stays. Nothing is left at `new`, but what could not be put back
    because it was saved over again and again.
    """
    if was is None:
        return _put_new(new, target)
    if _read(target, was) != was:
        discard(new)
        return False
    placed = placed_at(new)
    try:
        exchange(new, target)
    except FileNotFoundError:
        discard(new)
        return False
    except OSError as error:
        _put_unexchanged(new, target, error)
        return True
    # A save may have come out: what is at `new` now is not discarded before that is known.
    untouched = _read(new, was) == was
    if untouched or put_back(new, target, placed).clean:
        discard(new)
    return untouched


def take(target: Spot, aside: Spot, *, was: bytes) -> bool:
    """Take `target` away if it is `was`, by way of `aside`, where nothing is. OSError.

    False: something else is there, and stays; nothing there counts as that too.
    """
    if _read(target, was) != was:
        return False
    try:
        os.rename(target.name, aside.name, src_dir_fd=target.directory, dst_dir_fd=aside.directory)
    except FileNotFoundError:
        return False
    if _read(aside, was) == was:
        discard(aside)
        return True
    with contextlib.suppress(FileExistsError):  # a newer one: then this one is kept aside
        _move_new(aside, target)
    return False


def put_back(aside: Spot, target: Spot, placed: Placed) -> PutBack:
    """What is at `aside` was taken from `target` when `placed` was put there: undo that.

    What we hold is newer than what we had placed; whatever then comes out and is not what we had
    placed is newer still, because somebody put it there after us. So each goes back until what we
    placed last comes out: that has been replaced by its owner, as if we had not been there.
    """
    saved: list[bytes] = []
    for _ in range(_ROUNDS):
        inode, descriptor = _peek(aside)  # it is read when it is back: every microsecond counts
        gone = _put_back_once(aside, target)
        held = _placed(inode, descriptor)
        saved.append(held.data)
        if gone:
            return PutBack(False, tuple(saved))
        out = placed_at(aside)
        if out == placed:
            return PutBack(True, tuple(saved))
        if out != held:  # equal: there was neither a file to exchange with, nor a gap any more
            placed = held
    return PutBack(False, tuple(saved))


def placed_at(spot: Spot) -> Placed:
    """What is there; without bytes if they cannot be had. OSError if nothing is."""
    return _placed(*_peek(spot))


def exchange(one: Spot, other: Spot) -> None:
    """Each name leads to what the other led to, in one step. OSError; UNKNOWN where it cannot."""
    _rename(one, other, _MAC_SWAP if sys.platform == "darwin" else _EXCHANGE)


def rename_new(source: Spot, target: Spot) -> None:
    """Rename, and FileExistsError where something is at `target` already. OSError as `exchange`."""
    _rename(source, target, _MAC_EXCL if sys.platform == "darwin" else _NOREPLACE)


def discard(spot: Spot) -> None:
    """Unlink if it is there; what cannot be unlinked stays."""
    with contextlib.suppress(OSError):
        os.unlink(spot.name, dir_fd=spot.directory)


def _put_new(new: Spot, target: Spot) -> bool:
    """As `put` where nothing is to be there."""
    try:
        _move_new(new, target)
    except FileExistsError:
        discard(new)
        return False
    except OSError:
        discard(new)
        raise
    return True


def _move_new(source: Spot, target: Spot) -> None:
    """As `rename_new`, also where the system or the file system knows no such call."""
    try:
        rename_new(source, target)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
        os.link(
            source.name, target.name, src_dir_fd=source.directory, dst_dir_fd=target.directory,
            follow_symlinks=False,
        )  # fmt: skip
        discard(source)


def _put_unexchanged(new: Spot, target: Spot, error: OSError) -> None:
    """The exchange failed with `error`: if it is not known here, a rename has to do."""
    try:
        if error.errno not in UNKNOWN:
            raise error
        os.rename(new.name, target.name, src_dir_fd=new.directory, dst_dir_fd=target.directory)
    except OSError:
        discard(new)
        raise


def _put_back_once(aside: Spot, target: Spot) -> bool:
    """Exchange the two. True: there was a gap at `target`, and nothing is at `aside` now."""
    try:
        exchange(aside, target)
    except FileNotFoundError:
        # Renamed away or deleted: an editor about to write it anew finds the old one.
        with contextlib.suppress(FileExistsError):
            rename_new(aside, target)
            return True
    return False


def _read(spot: Spot, was: bytes) -> bytes | None:
    """Its bytes, if need be one more than `was` has; None if it is no file that can be read now."""
    try:
        descriptor = os.open(spot.name, _PEEK, dir_fd=spot.directory)
    except OSError:
        return None
    try:
        return _bytes_of(descriptor, len(was) + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _bytes_of(descriptor: int, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def _peek(spot: Spot) -> tuple[int, int]:
    """The inode there, and a descriptor for reading it; -1 if that cannot be had."""
    inode = os.stat(spot.name, dir_fd=spot.directory, follow_symlinks=False).st_ino
    try:
        return inode, os.open(spot.name, _PEEK, dir_fd=spot.directory)
    except OSError:
        return inode, -1  # a link, a lease, no permission: it is put back all the same


def _placed(inode: int, descriptor: int) -> Placed:
    """Closes `descriptor`. Without bytes if there are none to be read."""
    if descriptor < 0:
        return Placed(inode, b"")
    try:
        return Placed(inode, _bytes_of(descriptor, os.fstat(descriptor).st_size))
    except OSError:
        return Placed(inode, b"")
    finally:
        os.close(descriptor)


def _rename(one: Spot, other: Spot, flag: int) -> None:
    call = _renameat()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    there = _AT_FDCWD if one.directory is None else one.directory
    here = _AT_FDCWD if other.directory is None else other.directory
    if call(there, os.fsencode(one.name), here, os.fsencode(other.name), flag) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@cache
def _renameat() -> Any:
    """rename(2) with flags; None in a libc that has none."""
    name = "renameatx_np" if sys.platform == "darwin" else "renameat2"
    call = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if call is not None:
        number, text = ctypes.c_int, ctypes.c_char_p
        call.argtypes = (number, text, number, text, ctypes.c_uint)
    return call
