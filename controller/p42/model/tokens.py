"""Token: what a client of the HTTP door shows, and what it may do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p42.model.errors import InvalidInput
from p42.model.plan import Instant

ADMIN = "admin"
SCOPES = ("read", "write", "tasks", "events", "agents", "webhooks", ADMIN)
_IMPLIED = {"write": frozenset({"read"}), ADMIN: frozenset(SCOPES)}


@dataclass(frozen=True, slots=True)
class Bound:
    """What a child's token is for: asking models as `agent` (`agent/muse`) on one account.

    `account` None: the default one. `models` () = any of the account's. `budget` in micro-USD over
    the token's life; None = the account's own is the only one. `spent` counts calls that are still
    under way at their worst case.
    """

    agent: str
    account: str | None = None
    models: tuple[str, ...] = ()
    budget: int | None = None
    spent: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret, which p42 does not know. `expires` None = never.

    `last_used` is told to the minute. `bound` None: a person's own, which `scopes` describe.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created: Instant
    expires: Instant | None = None
    last_used: Instant | None = None
    bound: Bound | None = None

    def may(self, scope: str) -> bool:
        """Whether it carries `scope`; write carries read, admin all."""
        return scope in self.scopes or any(
            scope in _IMPLIED.get(each, frozenset()) for each in self.scopes
        )

    def is_over(self, now: Instant) -> bool:
        """Whether it has expired."""
        return self.expires is not None and now >= self.expires


def scopes_of(words: Sequence[str]) -> tuple[str, ...]:
    """`words` in the order of SCOPES, each once. InvalidInput for none, and for unknown ones."""
    unknown = [word for word in words if word not in SCOPES]
    if unknown or not words:
        what = f"scope {unknown[0]!r}: no such scope" if unknown else "a token needs a scope"
        raise InvalidInput(f"{what}; there are {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in words)
