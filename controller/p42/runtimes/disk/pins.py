"""DiskPins: what p42 writes beside a manifest, in the user's tree, and only over what it read.

Guarantees
- A lock is the old one or the new one, whole, and on disk: written in `.p42/` beside it, synced,
  then renamed where nothing was, or exchanged with what was there.
- What came out of the exchange is looked at: is it not what was expected, it is exchanged back, and
  the writer is told. So nobody's edit is lost, however close.
- No symbolic link is followed, neither `forged` nor the lock itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from p42 import displace
from p42.displace import Spot
from p42.model.errors import Blocked, Retry
from p42.model.faults import fault
from p42.model.ports import Processes
from p42.model.refs import Ref
from p42.runtimes.disk import dirs
from p42.wire.safegit import GIT, GIT_ENVIRONMENT

LARGEST = 1 << 20  # bytes; as of any file that a manifest names
SPARE = ".p42"
FORGED = "forged"
GIT_SECONDS = 10.0


class DiskPins:
    """The Pins port. `where` gives the manifest that declares a ref, None = none does."""

    def __init__(
        self, home: Path, where: Callable[[Ref], Path | None], processes: Processes
    ) -> None:
        self._home, self._where, self._processes = home, where, processes

    def look(self, ref: Ref) -> bytes | None:
        """What stands there; None = nothing, or `ref` is declared nowhere."""
        manifest = self._where(ref)
        if manifest is None:
            return None
        absent = contextlib.suppress(FileNotFoundError, NotADirectoryError)
        with _faults(manifest), absent, self._forged(manifest) as number:
            return _read(number, _name(ref))
        return None

    def write(self, ref: Ref, data: bytes, *, was: bytes | None) -> None:
        """Put `data` there if what stands there is still `was`. Raises Retry, Blocked."""
        manifest = self._where(ref)
        if manifest is None:
            raise Blocked(f"{ref} is declared nowhere")
        private = manifest.is_relative_to(self._home)
        with _faults(manifest), self._forged(manifest, make=True) as number:
            spare = dirs.child(number, SPARE, make=True)
            try:
                _ignored_by_git(spare)
                # Killed at the very moment, it may hold what a person saved: nobody takes its name.
                made = f"{secrets.token_hex(4)}-{ref.name}.swap"
                _fill(spare, made, data, mode=0o600 if private else 0o644)
                if not displace.put(Spot(made, spare), Spot(_name(ref), number), was=was):
                    raise _changed(ref)
                os.fsync(number)
            finally:
                os.close(spare)

    async def committed(self, ref: Ref) -> bool:
        """Whether git has exactly what stands there, at HEAD."""
        manifest, data = self._where(ref), self.look(ref)
        if manifest is None or data is None:
            return False
        path = f"HEAD:./{FORGED}/{_name(ref)}"
        try:
            done = await self._processes.run(
                [*GIT, "rev-parse", "--verify", "--quiet", path],
                cwd=manifest.parent, timeout=GIT_SECONDS, env=GIT_ENVIRONMENT,
            )  # fmt: skip
        except Blocked:  # no git, so git brought nothing
            return False
        blob = b"blob %d\0" % len(data) + data
        known = (hashlib.sha1(blob, usedforsecurity=False), hashlib.sha256(blob))
        told = done.stdout.decode(errors="replace").strip()
        return done.exit_code == 0 and told in [digest.hexdigest() for digest in known]

    @contextlib.contextmanager
    def _forged(self, manifest: Path, *, make: bool = False) -> Iterator[int]:
        mode = dirs.PRIVATE if manifest.is_relative_to(self._home) else dirs.SHARED
        with dirs.opened(manifest.parent, manifest.parent / FORGED, make=make, mode=mode) as number:
            yield number


def _name(ref: Ref) -> str:
    return f"{ref.name}.lock.yaml"


def _changed(ref: Ref) -> Retry:
    return Retry(f"{FORGED}/{_name(ref)} was changed meanwhile; it is looked at again")


def _read(directory: int, name: str) -> bytes | None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        number = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        return None
    with os.fdopen(number, "rb") as file:
        return file.read(LARGEST + 1)


def _fill(directory: int, name: str, data: bytes, *, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(name, flags, mode, dir_fd=directory)
    with os.fdopen(number, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(number)


def _ignored_by_git(spare: int) -> None:
    with contextlib.suppress(FileExistsError):
        _fill(spare, ".gitignore", b"*\n", mode=0o644)


@contextlib.contextmanager
def _faults(manifest: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise fault(error, str(manifest.parent / FORGED)) from error
