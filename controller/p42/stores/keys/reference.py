"""KeyRef: a key reference taken apart, and the two ways in which it leads nowhere."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from p42.model.errors import Blocked

State = Literal["present", "missing", "locked"]


class NoKey(Blocked):
    """There is no key to be had. Its text names the reference and the remedy, never a value."""

    word: ClassVar[str]
    state: ClassVar[State]

    def __init__(self, message: str) -> None:
        super().__init__(message, reason=self.word)


class Missing(NoKey):
    """The reference leads to nothing."""

    word = "KeyMissing"
    state = "missing"


class Locked(NoKey):
    """It may be there, behind a lock that a person has to open."""

    word = "KeyLocked"
    state = "locked"


class KeyRef(NamedTuple):
    """`keychain:SERVICE/ACCOUNT`, `env:NAME` or `file:PATH`. `place` is what follows the colon."""

    scheme: Literal["keychain", "env", "file"]
    place: str

    @property
    def entry(self) -> tuple[str, str]:
        """Service and account of a keychain reference; the account may hold slashes."""
        service, _, account = self.place.partition("/")
        return service, account

    def __str__(self) -> str:
        return f"{self.scheme}:{self.place}"


def key_ref(text: str) -> KeyRef:
    """Blocked for what is no reference; it is not repeated: it may be the key itself."""
    scheme, _, place = text.partition(":")
    match scheme:
        case "env" | "file" if place:
            return KeyRef(scheme, place)
        case "keychain":
            found = KeyRef("keychain", place)
            if all(found.entry):
                return found
    raise Blocked("a key must be keychain:SERVICE/ACCOUNT, env:NAME or file:PATH")
