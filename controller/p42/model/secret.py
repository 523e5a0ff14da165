"""Secret: a key or token in memory, with one way to it and no other; and the port it comes from."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from typing import Any, Literal, NoReturn, Protocol

MASK = "***"


class Secret:
    """`reveal()` gives the text. Printed, logged or formatted it is stars; it cannot be pickled.

    Never empty: who has nothing has no Secret. Raises ValueError for an empty one.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not text:
            raise ValueError("an empty text is no secret")
        self._text = text

    def reveal(self) -> str:
        """The text. Only for whoever sends it where it belongs."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # In constant time: how long a comparison took must not tell how much of it was right.
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret stays in this process")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Keys(Protocol):
    """Where key references (`keychain:S/A`, `env:NAME`, `file:PATH`) lead."""

    async def state(self, reference: str) -> Literal["present", "missing", "locked"]:
        """Whether there is a key, without reading more than needed and never showing it."""

    async def read(self, reference: str) -> Secret:
        """The key. Blocked (KeyMissing, KeyLocked) with its remedy; an empty one is missing."""

    def follow(self) -> AsyncIterator[str | None]:
        """References whose key may have changed, None = all, until closed."""
