"""SystemKeys: where key references lead: a variable, a file, the keychain of the system.

The keychain may ask its user and wait for ever (a desktop's prompt), and on a machine without one
there is nothing to ask. So each question runs in a thread of its own with a deadline, one at a
time: a prompt nobody answers must not gather threads, nor hold up the exit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from p42.model.errors import Blocked
from p42.model.faults import fault
from p42.stores.caught import Caught

State = Literal["present", "missing", "locked"]
DEADLINE = 5.0  # s; a keychain that needs longer is waiting for a person
MAX_KEY = 64 * 1024  # bytes; more is no key


class KeyState(NamedTuple):
    """Whether there is a key, and why not, for a person. Never the key."""

    state: State
    why: str = ""


Keychain = Callable[[str, str], KeyState]


def ask_keychain(service: str, account: str) -> KeyState:
    """Ask the keychain of the system. Blocking, perhaps for ever."""
    import keyring  # a slow import, and only here: most machines never get to this line
    import keyring.errors as refused

    place = f"keychain:{service}/{account}"
    try:
        found = keyring.get_password(service, account)
    except refused.NoKeyringError:
        return KeyState("missing", f"{place}: this machine has no keychain; use env: or file:")
    except refused.KeyringLocked:
        return KeyState("locked", f"{place}: the keychain is locked; unlock it")
    except refused.KeyringError as error:
        return KeyState("locked", f"{place}: the keychain does not answer ({type(error).__name__})")
    return KeyState("present") if found else KeyState("missing", f"{place}: nothing stored there")


class SystemKeys:
    """The Keys port. `env` is the daemon's environment."""

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        keychain: Keychain = ask_keychain,
        deadline: float = DEADLINE,
    ) -> None:
        self._env = env
        self._keychain = keychain
        self._deadline = deadline
        self._asking: threading.Thread | None = None
        self._turn = asyncio.Lock()

    async def state(self, reference: str) -> State:
        """Whether there is a key, without reading more than needed and never showing it."""
        return (await self.look(reference)).state

    async def look(self, reference: str) -> KeyState:
        """The state with its reason. Blocked when a key file is open to others, or no reference."""
        scheme, _, rest = reference.partition(":")
        if scheme == "env" and rest:
            return self._look_env(rest)
        if scheme == "file" and rest:
            return _look_file(rest)
        service, _, account = rest.partition("/")
        if scheme == "keychain" and service and account:
            return await self._look_keychain(service, account)
        # What it says is not repeated: it may be the key itself.
        raise Blocked("a key must be keychain:SERVICE/ACCOUNT, env:NAME or file:PATH")

    def _look_env(self, name: str) -> KeyState:
        if self._env.get(name):
            return KeyState("present")
        return KeyState(
            "missing", f"env:{name}: not set where p42 was started; set it, `p42 restart`"
        )

    async def _look_keychain(self, service: str, account: str) -> KeyState:
        late = (
            f"keychain:{service}/{account}: no answer in {self._deadline:g} s; unlock the keychain"
        )
        try:
            async with asyncio.timeout(self._deadline), self._turn:
                if self._asking is not None:
                    return KeyState("locked", late)  # an earlier question still waits for a person
                return await self._ask(service, account)
        except TimeoutError:
            return KeyState("locked", late)

    async def _ask(self, service: str, account: str) -> KeyState:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[KeyState] = loop.create_future()

        def tell(found: KeyState) -> None:
            if not answer.done():
                answer.set_result(found)

        def ask() -> None:
            found = KeyState("locked")
            with Caught() as caught:  # a keychain's library may raise anything
                found = self._keychain(service, account)
            if caught.error is not None:
                kind = type(caught.error).__name__  # its text may quote what it was given
                why = f"keychain:{service}/{account}: the keychain failed ({kind})"
                found = KeyState("locked", why)
            self._asking = None
            with contextlib.suppress(RuntimeError):  # the loop is closed: too late
                loop.call_soon_threadsafe(tell, found)

        self._asking = threading.Thread(target=ask, name="keychain", daemon=True)
        self._asking.start()
        return await answer


def _look_file(name: str) -> KeyState:
    path = Path(name).expanduser()
    try:
        # Not blocking: a pipe at that path would wait for its other end.
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return KeyState("missing", f"file:{path}: not there")
    except OSError as error:
        raise fault(error, f"file:{path}") from error
    try:
        found = os.fstat(number)
        _refuse_open(path, found)
        return KeyState("present") if found.st_size else KeyState("missing", f"file:{path}: empty")
    finally:
        os.close(number)


def _refuse_open(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Blocked(f"file:{path}: not a file", reason="KeyMissing")
    if found.st_size > MAX_KEY:
        raise Blocked(f"file:{path}: too large for a key", reason="KeyMissing")
    if found.st_mode & 0o077:
        raise Blocked(
            f"file:{path}: other users may read it; `chmod 600 {path}`", reason="KeyMissing"
        )
