"""Limits: what one connection may cost. The figures are CONTRACT.md's, "Wires"."""

from __future__ import annotations

import resource
from dataclasses import dataclass

MOST_CONNECTIONS = 1024
# Files, locks, watches, SQLite, children's pipes: what the daemon opens beside connections.
KEPT_DESCRIPTORS = 128


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds; none of them runs while a request is open."""

    quiet: float = 60.0  # nothing was ever asked
    after_reply: float = 15.0  # netcat waits for the close, a client that stays reconnects
    half_sent: float = 10.0  # from the first byte of a request to its last
    unread: float = 10.0  # the client takes nothing of what it is sent


@dataclass(frozen=True, slots=True)
class Limits:
    """`deadlines` None = none: only the user's own programs get at the control socket."""

    deadlines: Deadlines | None
    connections: int = MOST_CONNECTIONS
    together: int = 16  # requests of one connection that run at once; the others wait their turn
    outbox: int = 1 << 14  # bytes unsent from which on nothing more is begun for this client


def most_connections() -> int:
    """1,024, or fewer where this process may open few files: the daemon has to open some too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(8, min(MOST_CONNECTIONS, (soft - KEPT_DESCRIPTORS) // 2))
