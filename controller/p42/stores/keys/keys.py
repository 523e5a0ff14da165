"""SystemKeys: where key references lead: a variable, a file, the keychain, or keys.age.

`keychain:SERVICE/ACCOUNT` names an entry, whatever store holds it. Which one that is, `keys.store`
says:

    auto       the keychain; keys.age only for entries that somebody put there by `--store file`
    keychain   the keychain alone
    file       keys.age alone

p42 never changes from one to the other by itself: a keychain that is locked stays the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from p42.model.errors import Blocked, InvalidInput
from p42.model.secret import Secret
from p42.stores.keys import plain as keyplain
from p42.stores.keys.keychain import DEADLINE, Keychain
from p42.stores.keys.keyfile import NAME, KeyFile, Stamp
from p42.stores.keys.news import Follow, KeyNews
from p42.stores.keys.redaction import SHORTEST, Redactor
from p42.stores.keys.reference import KeyRef, Locked, Missing, NoKey, State, key_ref

Store = Literal["auto", "keychain", "file"]
PASSPHRASE = "P42_KEYS_PASSPHRASE"  # noqa: S105 - the name of a variable
# s; how long an answer of the keychain is used again. It costs a few ms, and a model is called
# often; the loop looks anew once a minute.
KEPT = 60.0


class KeyState(NamedTuple):
    """Whether there is a key, and why not, for a person. Never the key."""

    state: State
    why: str = ""


class Places(NamedTuple):
    """Which stores there are. `chosen` is keys.store; `keychain` "" where there is none to use."""

    chosen: Store
    keychain: str
    why: str  # there is no keychain to use; "" = there is
    file: str  # its path
    exists: bool
    unlocked: bool


class SystemKeys:
    """The Keys port, and what `account login` needs. `env` is the daemon's environment.

    Every key is known to `redactor` before anyone gets it. Use from one event loop.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        home: Path,
        store: Store = "auto",
        redactor: Redactor | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self._env, self._chosen = env, store
        self._redactor = redactor or Redactor()
        self._keychain = Keychain(deadline=deadline)
        self._file = KeyFile(home / NAME)
        self._kept: dict[KeyRef, tuple[Secret, float]] = {}  # until that loop time
        self._news = KeyNews()
        self._given = self._secret(env.get(PASSPHRASE, ""))
        self._opening = asyncio.Lock()
        # The file that the given passphrase did not open: trying costs seconds of a core.
        self._failed: tuple[Stamp | None, Blocked] | None = None

    async def state(self, reference: str) -> State:
        """Whether there is a key; the keychain is asked anew."""
        return (await self.look(reference)).state

    async def look(self, reference: str) -> KeyState:
        """The state with its reason. Blocked when a key file is open to others, or no reference."""
        try:
            await self._read(key_ref(reference))
        except NoKey as error:
            return KeyState(error.state, str(error))
        return KeyState("present")

    async def read(self, reference: str) -> Secret:
        """The key. Missing or Locked (both Blocked) with what to do; Blocked as `look`.

        A keychain's answer may be KEPT seconds old, unless p42 itself changed it.
        """
        ref = key_ref(reference)
        kept, until = self._kept.get(ref, (None, 0.0))
        if kept is not None and asyncio.get_running_loop().time() < until:
            return kept
        return await self._read(ref)

    def follow(self) -> AsyncIterator[str | None]:
        """References whose key may have changed, None = any, until closed."""
        return self._news.follow()

    async def watch(self, follow: Follow) -> None:
        """Let followers hear of key files that change, until cancelled. `follow` as the Files port.

        Files are known from the first time they were asked for.
        """
        await self._news.watch(follow)

    async def put(self, reference: str, value: Secret, *, store: Store = "auto") -> str:
        """Keep `value` under a keychain: reference; which store took it, for a person.

        `store` auto is what keys.store says. InvalidInput for a store that keys.store excludes, or
        a reference that p42 does not write. Missing and Locked as `read`.
        """
        ref, target = _writable(reference), self._target(store)
        self._redactor.add(value)
        # In auto it moves: of two copies, the old one would be found one day.
        if target == "file":
            await self._unlocked()
            await self._file.put(ref.place, value.reveal())
            if self._chosen == "auto":
                with contextlib.suppress(NoKey):
                    await self._keychain.drop(*ref.entry)
        else:
            if self._chosen == "auto" and self._file.exists:
                await self._unlocked()
                await self._file.put(ref.place, None)
            await self._keychain.put(*ref.entry, value.reveal())
        self._changed(ref)
        return str(self._file.path) if target == "file" else await self._keychain.name()

    async def renew(self, reference: str, value: Secret, *, old: Secret) -> bool:
        """Put `value` in the place of `old`, in the store that has it; False = it has another now.

        Raises as `read`. No other change of p42's comes in between.
        """
        ref = _writable(reference)
        self._redactor.add(value)
        if await self._read(ref) != old:
            return False
        if self._file.is_open and await self._file.get(ref.place) is not None:
            await self._file.put(ref.place, value.reveal())
        else:
            await self._keychain.put(*ref.entry, value.reveal())
        self._changed(ref)
        return True

    async def drop(self, reference: str) -> bool:
        """Remove the key from every store it may be in; whether it was in one."""
        ref, had = _writable(reference), False
        if self._chosen != "keychain" and self._file.exists:
            await self._unlocked()
            had = await self._file.put(ref.place, None)
        if self._chosen != "file":
            try:
                had = await self._keychain.drop(*ref.entry) or had
            except Missing:
                if not had:
                    raise
        self._changed(ref)
        return had

    async def unlock(self, passphrase: Secret) -> None:
        """Open keys.age for this daemon's life; make it where none is. Raises as KeyFile.unlock.

        InvalidInput for a new passphrase too short to keep anyone out.
        """
        if self._chosen == "keychain":
            raise InvalidInput(f"keys.store is keychain: {NAME} is not used")
        if not self._file.exists and len(passphrase.reveal()) < SHORTEST:
            raise InvalidInput(f"a passphrase needs {SHORTEST} characters or more")
        self._redactor.add(passphrase)
        async with self._opening:
            await self._file.unlock(passphrase)
        self._kept.clear()
        self._news.tell(None)

    async def where(self) -> Places:
        """Which store is in use, and how it stands."""
        name, why = "", ""
        if self._chosen != "file":
            try:
                name = await self._keychain.name()
            except NoKey as error:
                why = str(error)
        file = self._file
        return Places(self._chosen, name, why, str(file.path), file.exists, file.is_open)

    async def _read(self, ref: KeyRef) -> Secret:
        self._kept.pop(ref, None)
        if ref.scheme == "env":
            found = keyplain.from_env(self._env, ref.place)
        elif ref.scheme == "file":
            self._news.expect(str(ref), keyplain.path_of(ref.place))
            found = keyplain.from_file(ref.place)
        else:
            found = await self._from_stores(ref)
        secret = Secret(found)
        self._redactor.add(secret)
        if ref.scheme == "keychain":
            self._kept[ref] = secret, asyncio.get_running_loop().time() + KEPT
        return secret

    async def _from_stores(self, ref: KeyRef) -> str:
        if self._chosen == "file":
            await self._unlocked()
            found = await self._file.get(ref.place)
            if not found:
                raise Missing(f"{ref}: not in {self._file.path}; `p42 account login NAME`")
            return found
        if self._chosen == "auto" and self._file.exists:
            return await self._from_both(ref)
        return await self._from_keychain(ref)

    async def _from_both(self, ref: KeyRef) -> str:
        """auto, and somebody chose the file at least once."""
        locked: NoKey | None = None
        try:
            await self._unlocked()
            found = await self._file.get(ref.place)
        except Locked as error:
            found, locked = None, error
        if found:
            return found
        try:
            return await self._from_keychain(ref)
        except Missing:
            if locked is not None:  # it may well be in there
                raise locked from None
            raise

    async def _from_keychain(self, ref: KeyRef) -> str:
        found = await self._keychain.get(*ref.entry)
        if not (found and found.strip()):
            raise Missing(f"{ref}: nothing stored there; `p42 account login NAME`")
        return found.strip()

    async def _unlocked(self) -> None:
        """Open keys.age by the environment's passphrase, if one was given and it is not open."""
        if self._given is None or self._file.is_open:
            return
        async with self._opening:
            if self._file.is_open:
                return
            stamp = self._file.stamp
            if self._failed is None or self._failed[0] != stamp:
                self._failed = None
                try:
                    await self._file.unlock(self._given)
                except Blocked as error:
                    self._failed = stamp, error
            if self._failed is not None:
                raise self._failed[1].with_traceback(None)  # else each look adds to it

    def _target(self, asked: Store) -> Store:
        if asked == "auto":
            return "file" if self._chosen == "file" else "keychain"
        if self._chosen not in ("auto", asked):
            raise InvalidInput(
                f"keys.store is {self._chosen}: a key in the other store would never be found; "
                "change keys.store first, then `p42 restart`"
            )
        return asked

    def _changed(self, ref: KeyRef) -> None:
        self._kept.pop(ref, None)
        self._news.tell(str(ref))

    def _secret(self, text: str) -> Secret | None:
        if not text:
            return None
        secret = Secret(text)
        self._redactor.add(secret)
        return secret


def _writable(reference: str) -> KeyRef:
    ref = key_ref(reference)
    if ref.scheme == "env":
        raise InvalidInput(f"{ref}: p42 does not set variables; set it where p42 is started")
    if ref.scheme == "file":
        raise InvalidInput(f"{ref}: the file is yours; write the key into it, then `chmod 600` it")
    return ref
