"""DiskFiles: small files on this machine's disk, as the Files port.

Guarantees
- A file is the old one or the new one, whole: written beside its directory's entries in `.p42/`,
  then renamed. A reader, a crash or a full disk never leaves half of one.
- Below the root no symbolic link is followed, neither on the way nor at the end.
- Every OSError leaves as Retry or Blocked, with the path and what to do.

What a crash left in `.p42/` is removed at the next write into that directory.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from p42 import displace
from p42.displace import Spot
from p42.model.errors import Blocked
from p42.model.faults import fault
from p42.model.ports import Entry
from p42.runtimes.disk import dirs
from p42.runtimes.disk.follow import follow
from p42.runtimes.projectfiles import spelled, within

MAX_LOOK = 4 * 1024 * 1024  # bytes; a command is small, and what is larger is not ours
SPARE = ".p42"  # where unfinished files stand; git ignores it, `names` does not show it


class DiskFiles:
    """The Files port. `root` is the home; `path` the user's PATH, as the shell spells it."""

    def __init__(self, root: Path, *, path: str) -> None:
        self._root = root
        parts = path.split(os.pathsep)
        # A relative part would mean whatever directory the daemon was started in.
        self._path = tuple(str(Path(part)) for part in parts if part.startswith("/"))
        self._swept: set[Path] = set()
        self._count = 0

    def look(self, path: Path) -> Entry | None:
        """What is at `path`; None = nothing. Never follows the last link. Reads up to 4 MiB."""
        with _faults(path):
            try:
                with dirs.opened(self._root, path.parent) as parent:
                    return _entry(parent, path.name)
            except FileNotFoundError:
                return None

    def names(self, directory: Path) -> tuple[str, ...]:
        """Names in `directory`, sorted, without `.p42`; () if it is not there."""
        with _faults(directory):
            try:
                with dirs.opened(self._root, directory) as number:
                    return tuple(sorted(set(dirs.names(number)) - {SPARE}))
            except FileNotFoundError:
                return ()

    def place(self, path: Path, data: bytes, *, mode: int) -> None:
        """Write whole or not at all: temporary file in `.p42/` beside it, then rename.

        Not synced to disk: for what can be made again. Makes missing parents, 0700.
        """
        with _faults(path), dirs.opened(self._root, path.parent, make=True) as parent:
            spare = dirs.child(parent, SPARE, make=True)
            try:
                self._sweep(path.parent, spare)
                self._count += 1
                unfinished = f"{os.getpid()}-{self._count}.part"
                _fill(spare, unfinished, data, mode=mode)
                try:
                    os.rename(unfinished, path.name, src_dir_fd=spare, dst_dir_fd=parent)
                except OSError:
                    os.unlink(unfinished, dir_fd=spare)
                    raise
            finally:
                os.close(spare)

    def swap(self, path: Path, data: bytes | None, *, was: bytes | None, mode: int) -> bool:
        """As `place`, but over nothing else than `was`; None: nothing is there, or is to be.

        False: something else is there, and stays, however late it was saved. What takes the place
        of a file is on disk first: no file system guards an exchange against a power cut.
        """
        if data is None and self.look(path) is None:
            return was is None
        with _faults(path), dirs.opened(self._root, path.parent, make=True) as parent:
            spare = dirs.child(parent, SPARE, make=True)
            try:
                self._sweep(path.parent, spare)
                self._count += 1
                # No `.part`: after a crash at the very moment it may hold what a person saved.
                aside = Spot(f"{os.getpid()}-{self._count}.swap", spare)
                if data is not None:
                    _fill(spare, aside.name, data, mode=mode, sync=was is not None)
                    done = displace.put(aside, Spot(path.name, parent), was=was)
                else:
                    done = was is not None and displace.take(
                        Spot(path.name, parent), aside, was=was
                    )
            finally:
                os.close(spare)
        return done

    def chmod(self, path: Path, mode: int) -> None:
        """Set permission bits. Nothing there: no effect. Blocked when it is a link."""
        with _faults(path), _if_there(), dirs.opened(self._root, path.parent) as parent:
            _chmod(parent, path.name, mode)

    def remove(self, path: Path) -> None:
        """Unlink. Nothing there: no effect. Never a directory."""
        with _faults(path), _if_there(), dirs.opened(self._root, path.parent) as parent:
            found = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):  # some systems would unlink one for root
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            os.unlink(path.name, dir_fd=parent)

    def set_aside(self, path: Path) -> None:
        """Move what is at `path`, whatever it is, to `.p42/NAME.aside` beside it; loses nothing.

        A name already taken there gets a number. Nothing there: no effect.
        """
        with _faults(path), _if_there(), dirs.opened(self._root, path.parent) as parent:
            os.stat(path.name, dir_fd=parent, follow_symlinks=False)  # before `.p42` is made
            spare = dirs.child(parent, SPARE, make=True)
            try:
                self._sweep(path.parent, spare)
                taken = set(dirs.names(spare))
                names = (f"{path.name}.aside{n or ''}" for n in itertools.count())
                free = next(name for name in names if name not in taken)
                os.rename(path.name, free, src_dir_fd=parent, dst_dir_fd=spare)
            finally:
                os.close(spare)

    def which(self, program: str, *, skip: Path | None = None) -> Path | None:
        """The first executable of that name on the user's PATH, not looking into `skip`.

        Asked anew each time: ten access calls cost less than keeping a remembered answer true,
        and on plain strings they cost a microsecond each (every look at a command asks thrice).
        """
        if not program or "/" in program or "\0" in program:
            return None
        skipped = str(skip)
        for directory in self._path:
            found = f"{directory}/{program}"
            if not os.access(found, os.X_OK) or directory == skipped:
                continue
            path = Path(found)
            # A link from ~/bin into `skip` is no other program. Resolved on a hit only: it costs.
            linked = skip is not None and path.resolve().parent == skip.resolve()
            if path.is_file() and not linked:
                return path
        return None

    def runs(self, path: Path) -> bool:
        """Whether at `path`, anywhere on this machine, is a file that may be run. Follows links."""
        return os.access(path, os.X_OK) and path.is_file()

    def reads(self, path: Path) -> bool:
        """Whether at `path`, its name in any case, is a file that may be read, and that is in its
        directory."""
        names = spelled(path.parent, path.name)
        return any(within(path.parent / name) is not None for name in names)

    def follow(self, directory: Path) -> AsyncIterator[frozenset[str]]:
        """Names in `directory` that may have changed, until closed. Hints: may lose or double."""
        return follow(directory, ignore=SPARE)

    def _sweep(self, directory: Path, spare: int) -> None:
        """Once for each directory: what a dead p42 left unfinished goes, and git ignores it."""
        if directory in self._swept:
            return
        for name in dirs.names(spare):
            owner = name.partition("-")[0]
            if name.endswith(".part") and owner.isdigit() and not _lives(int(owner)):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=spare)
        with contextlib.suppress(FileExistsError):
            _fill(spare, ".gitignore", b"*\n", mode=0o600)
        self._swept.add(directory)


@contextlib.contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise fault(error, str(path)) from error
    except ValueError:  # a NUL in the name
        raise Blocked(f"{str(path)!r}: not a path") from None


def _if_there() -> contextlib.suppress:
    return contextlib.suppress(FileNotFoundError)


def _entry(parent: int, name: str) -> Entry:
    found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return Entry("link", mode)
    if stat.S_ISDIR(found.st_mode):
        return Entry("directory", mode)
    if not stat.S_ISREG(found.st_mode):
        return Entry("other", mode)
    try:
        # Not blocking: between stat and open it may have become a pipe.
        number = os.open(
            name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent
        )
    except PermissionError:
        return Entry("file", mode)  # ours, its bits taken away: seen as other bytes, so mended
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            return Entry("other", stat.S_IMODE(found.st_mode))
        return Entry("file", stat.S_IMODE(found.st_mode), _read(number, found.st_size))
    finally:
        os.close(number)


def _read(number: int, size: int) -> bytes:
    parts: list[bytes] = []
    left = MAX_LOOK
    want = min(size + 1, left)  # one more than there should be: the next read then says it is all
    while left and (part := os.read(number, min(want, left))):
        parts.append(part)
        left -= len(part)
        want = 65536
    return b"".join(parts)


def _fill(directory: int, name: str, data: bytes, *, mode: int, sync: bool = False) -> None:
    """A new file with these bytes, or none. `sync`: on disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        rest = memoryview(data)
        while rest:  # a write may take less than it was given and still succeed
            rest = rest[os.write(number, rest) :]
        os.fchmod(number, mode)
        if sync:
            os.fsync(number)
    except OSError:
        os.unlink(name, dir_fd=directory)
        raise
    finally:
        os.close(number)


def _chmod(parent: int, name: str, mode: int) -> None:
    if not hasattr(os, "O_PATH"):
        os.chmod(name, mode, dir_fd=parent, follow_symlinks=False)
        return
    # Linux has no fchmodat without following; a descriptor that only names the file has its way
    # through /proc, and works on a file whose bits let nobody open it.
    number = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if stat.S_ISLNK(os.fstat(number).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        Path(f"/proc/self/fd/{number}").chmod(mode)
    finally:
        os.close(number)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()
