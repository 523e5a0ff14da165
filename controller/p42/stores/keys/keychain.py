"""Keychain: the keychain of the system, which may ask its user and wait for ever.

A desktop's keychain shows a prompt; over SSH nobody sees it; on a server there is none at all. So
each question runs in a thread of its own with a deadline, one at a time: a prompt nobody answers
must not gather threads, nor hold up the exit. Prior art for the failures: jaraco/keyring#569, #710.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from p42.model.errors import Blocked
from p42.stores.caught import Caught
from p42.stores.keys.reference import Locked, Missing

DEADLINE = 5.0  # s; a keychain that needs longer is waiting for a person
NO_KEYCHAIN = (
    "this machine has no keychain; keep keys in a file with a passphrase "
    "(`p42 account login NAME --store file`), or use env: or file:"
)
# Backends that write keys in plain text, or nowhere. Better none than one of these.
_UNSAFE = ("keyrings.alt", "keyring.backends.null", "keyring.backends.fail",
           "keyring.backends.chainer")  # fmt: skip

Result = TypeVar("Result")


class Keychain:
    """get, put, drop and name. Use from one event loop. Each raises Missing where there is no
    keychain, and Locked where it does not answer within `deadline` seconds or refuses."""

    def __init__(self, *, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._asking: threading.Thread | None = None
        self._turn = asyncio.Lock()

    async def get(self, service: str, account: str) -> str | None:
        """What stands there; None = nothing."""
        return await self._ask(
            f"keychain:{service}/{account}", lambda: _safe().get_password(service, account)
        )

    async def put(self, service: str, account: str, value: str) -> None:
        """Keep `value` there. Read back before it counts: some backends forget without a word."""

        def put() -> bool:
            keychain = _safe()
            keychain.set_password(service, account, value)
            return bool(keychain.get_password(service, account) == value)

        place = f"keychain:{service}/{account}"
        if not await self._ask(place, put):
            raise Blocked(f"{place}: the keychain took the key and does not have it; {NO_KEYCHAIN}")

    async def drop(self, service: str, account: str) -> bool:
        """Remove what stands there; whether there was anything."""

        def drop() -> bool:
            keychain = _safe()
            if keychain.get_password(service, account) is None:
                return False
            keychain.delete_password(service, account)
            return True

        return await self._ask(f"keychain:{service}/{account}", drop)

    async def name(self) -> str:
        """What it calls itself."""
        return await self._ask("", lambda: str(_safe().name))

    async def _ask(self, place: str, question: Callable[[], Result]) -> Result:
        late = f"{place or 'keychain'}: no answer in {self._deadline:g} s; unlock the keychain"
        try:
            async with asyncio.timeout(self._deadline), self._turn:
                if self._asking is not None:
                    raise Locked(late)  # an earlier question still waits for a person
                return await self._in_a_thread(place, question)
        except TimeoutError:
            raise Locked(late) from None

    async def _in_a_thread(self, place: str, question: Callable[[], Result]) -> Result:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()

        def tell(caught: Caught, found: list[Result]) -> None:
            if answer.done():
                return
            if caught.error is None:
                answer.set_result(found[0])
            else:
                answer.set_exception(_refusal(caught.error, place))

        def ask() -> None:
            found: list[Result] = []
            with Caught() as caught:  # a keychain's library may raise anything
                found.append(question())
            self._asking = None
            with contextlib.suppress(RuntimeError):  # the loop is closed: too late
                loop.call_soon_threadsafe(tell, caught, found)

        self._asking = threading.Thread(target=ask, name="keychain", daemon=True)
        self._asking.start()
        return await answer


def _safe() -> Any:
    """The best backend that keeps keys as they should be kept. Blocking, perhaps for ever."""
    import keyring  # a slow import, and only here: most machines never get to this line
    import keyring.errors

    best = keyring.get_keyring()
    for backend in [*getattr(best, "backends", ()), best]:
        if not type(backend).__module__.startswith(_UNSAFE):
            return backend
    raise keyring.errors.NoKeyringError


def _refusal(error: Exception, place: str) -> Blocked:
    """Its text is not repeated: it may quote what it was given."""
    import keyring.errors as refused

    match error:
        case refused.NoKeyringError():
            return Missing(f"{place}: {NO_KEYCHAIN}" if place else NO_KEYCHAIN)
        case refused.KeyringLocked():
            return Locked(f"{place}: the keychain is locked; unlock it")
        case refused.KeyringError():
            return Locked(f"{place}: the keychain does not answer ({type(error).__name__})")
    return Locked(f"{place}: the keychain failed ({type(error).__name__}); unlock or restart it")
