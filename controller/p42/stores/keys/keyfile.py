"""KeyFile: keys.age, the keys of a machine without a keychain, encrypted with a passphrase.

    -----BEGIN AGE ENCRYPTED FILE-----     an identity of this file alone, sealed with the
    ...                                    passphrase
    -----END AGE ENCRYPTED FILE-----
    -----BEGIN AGE ENCRYPTED FILE-----     {"keys": {"SERVICE/ACCOUNT": KEY, ...}}, encrypted to
    ...                                    that identity
    -----END AGE ENCRYPTED FILE-----

Two locks, because the first takes seconds and half a gigabyte by design: it is opened once, and
each key is written in a millisecond. Both parts are plain age files (age-encryption.org/v1): saved
apart, `age -d first > id; age -d -i id second` shows the keys where no p42 is left.

Guarantees
- Every byte is under an AEAD or a MAC: a changed file is refused whole, and nothing of it is told.
- Written whole or not at all (temporary file, fsync, rename); 0600; never through a link.
- The passphrase is not kept, the identity is, in memory; a file that was exchanged for one with
  the same first part is read anew, any other has to be unlocked again.

One writer: the daemon, which holds the home's lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from p42.model.errors import Blocked
from p42.model.faults import fault
from p42.model.secret import Secret
from p42.stores.keys.plain import refuse_open
from p42.stores.keys.reference import Locked, Missing
from p42.stores.keys.sealing import seal, unseal

NAME = "keys.age"
MOST = 4 << 20  # bytes; thousands of keys
UNLOCK = "unlock it: `p42 account unlock`, or set P42_KEYS_PASSPHRASE and `p42 restart`"
_END = b"-----END AGE ENCRYPTED FILE-----\n"


class Stamp(NamedTuple):
    """Changes whenever the file may have."""

    inode: int
    written: int  # ns
    size: int


@dataclass(slots=True)
class _Opened:
    """What was read, and the key to read it again."""

    identity: Any  # x25519.Identity
    sealed: bytes  # the first part, as it stands
    stamp: Stamp
    keys: dict[str, str]


class KeyFile:
    """The file at `path`, which need not be there. Use from one event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: _Opened | None = None
        self._turn = asyncio.Lock()

    @property
    def exists(self) -> bool:
        """Whether anything is at its place."""
        return os.path.lexists(self.path)

    @property
    def is_open(self) -> bool:
        """Whether it was unlocked."""
        return self._opened is not None

    @property
    def stamp(self) -> Stamp | None:
        """Changes whenever the file may have; None = nothing is there."""
        return _stamp(self.path)

    async def unlock(self, passphrase: Secret) -> None:
        """Open it; make it, without keys, where none is.

        Locked for a wrong passphrase; Blocked (KeyLocked) for a damaged file, or one that others
        may read; Retry or Blocked for what the disk refuses.
        """
        async with self._turn:
            if self.exists:
                self._opened = await self._open(passphrase)
                return
            identity = _age().x25519.Identity.generate()
            sealed = await seal(Secret(str(identity)), passphrase)
            self._opened = self._write(identity, sealed, {})

    async def get(self, name: str) -> str | None:
        """The key under `name` (SERVICE/ACCOUNT); None = nothing. Locked until unlocked."""
        async with self._turn:
            return self._current().keys.get(name)

    async def put(self, name: str, value: str | None) -> bool:
        """Keep `value` under `name`, None = remove it; whether anything was there before."""
        async with self._turn:
            opened = self._current()
            keys = {each: kept for each, kept in opened.keys.items() if each != name}
            had = len(keys) < len(opened.keys)
            if value is not None:
                keys[name] = value
            if value is not None or had:
                self._opened = self._write(opened.identity, opened.sealed, keys)
            return had

    def _current(self) -> _Opened:
        """What stands in the file now."""
        opened = self._opened
        if opened is None:
            if self.exists:
                raise Locked(f"{self.path} is locked; {UNLOCK}")
            raise Missing(f"{self.path} is not there yet; `p42 account login NAME --store file`")
        if _stamp(self.path) == opened.stamp:
            return opened
        self._opened = None  # whatever is wrong with the new file, the old one is not used on
        data, stamp = self._read()
        sealed, rest = _parts(data)
        if sealed != opened.sealed:
            raise Locked(f"{self.path} was exchanged; {UNLOCK}")
        self._opened = _Opened(opened.identity, sealed, stamp, _keys(rest, opened.identity))
        return self._opened

    async def _open(self, passphrase: Secret) -> _Opened:
        data, stamp = await asyncio.to_thread(self._read)
        sealed, rest = _parts(data)
        try:
            identity = _age().x25519.Identity.from_str((await unseal(sealed, passphrase)).reveal())
        except _age().IdentityError:
            _damaged("no identity in it")
        return _Opened(identity, sealed, stamp, _keys(rest, identity))

    def _read(self) -> tuple[bytes, Stamp]:
        try:
            number = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise Missing(f"{self.path} is gone") from None
        except OSError as error:
            raise fault(error, str(self.path)) from error
        with os.fdopen(number, "rb") as stream:
            found = os.fstat(number)
            refuse_open(str(self.path), self.path, found, most=MOST)
            return stream.read(MOST), Stamp(found.st_ino, found.st_mtime_ns, found.st_size)

    def _write(self, identity: Any, sealed: bytes, keys: dict[str, str]) -> _Opened:
        text = json.dumps({"keys": keys}).encode()
        rest = _age().encrypt(text, [identity.to_public()], armored=True)
        try:
            stamp = _replace(self.path, sealed + rest)
        except OSError as error:
            raise fault(error, str(self.path)) from error
        return _Opened(identity, sealed, stamp, keys)


def _age() -> Any:
    """Imported when it is used: 20 ms, and most machines have a keychain."""
    import pyrage  # type: ignore[import-untyped]

    return pyrage


def _parts(data: bytes) -> tuple[bytes, bytes]:
    first, end, rest = data.partition(_END)
    if not (end and rest and data.isascii()):
        _damaged("not as p42 writes it")
    return first + end, rest


def _keys(rest: bytes, identity: Any) -> dict[str, str]:
    try:
        text = _age().decrypt(rest, [identity])
    except _age().DecryptError as error:
        _damaged(str(error))
    # Authentic from here on: it is what p42 wrote.
    return {str(name): str(value) for name, value in json.loads(text)["keys"].items()}


def _damaged(what: str) -> NoReturn:
    raise Blocked(
        f"{NAME}: damaged ({what}); put it back from a backup, or move it away and log in anew",
        reason="KeyLocked",
    ) from None


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return Stamp(found.st_ino, found.st_mtime_ns, found.st_size)


def _replace(path: Path, data: bytes) -> Stamp:
    """`data` at `path`, on disk when it returns. A crash leaves the old file or the new one."""
    aside = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()  # of a daemon that was killed
    number = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(number)
            found = os.fstat(number)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return Stamp(found.st_ino, found.st_mtime_ns, found.st_size)
