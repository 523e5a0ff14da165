"""Limits: what one client of the HTTP door may cost. For guard and connections."""

from __future__ import annotations

import resource
from dataclasses import dataclass

MIB = 1 << 20
MOST_CONNECTIONS = 1024
KEPT_DESCRIPTORS = 256  # files, locks, SQLite, children, and calls to providers beside connections
DOORS = 4  # gateway, control, this one, and those that are still to come, share the rest


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in bytes. None of the times runs while an answer is awaited."""

    head: float = 10.0  # from a request's first byte (or the connection) to the end of its headers
    body: float = 60.0  # from there to the end of its body
    idle: float = 15.0  # between an answer and the next request
    unread: float = 30.0  # the client takes nothing of what it is sent
    headers: int = 64  # lines; a browser sends some 20, the vendors' clients some 30
    header_bytes: int = 16 << 10
    connections: int = MOST_CONNECTIONS


def most_connections() -> int:
    """1,024, or fewer where this process may open few files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(8, min(MOST_CONNECTIONS, (soft - KEPT_DESCRIPTORS) // DOORS))
