"""SqlitePortLeases: which port belongs to which project CI, for good: durable, read from memory.

A drawn port is the base plus a stable hash of the name, modulo the count; the next one that is free
if it is taken. Stable across restarts, across other projects that come and go, and across a change
of the order in the files; of this machine only, so no file carries it.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from p42.keeper.listener import is_free
from p42.model.errors import Blocked
from p42.model.refs import Ref
from p42.model.sockets import PortLease
from p42.stores.state.database import Database
from p42.stores.state.rows import sealed, unsealed

AUTO = "auto"
LAST = 65535
TRIES = 64  # ports the system offers before we believe that none is left
_LOAD = "SELECT kind, name, port, wish, token, seal FROM leases"
_PUT = """INSERT OR REPLACE INTO leases (kind, name, port, wish, token, seal)
    VALUES (?, ?, ?, ?, ?, ?)"""
_DROP = "DELETE FROM leases WHERE kind = ? AND name = ?"


class SqlitePortLeases:
    """The PortLeases port. `base` and `count` span the drawn ports; base 0 = any free one."""

    def __init__(
        self,
        database: Database,
        *,
        base: int,
        count: int,
        free: Callable[[int], bool] = is_free,
    ) -> None:
        self._database, self._base, self._count, self._free = database, base, count, free
        self._rows: dict[Ref, PortLease] = dict(database.load(_LOAD, _read))
        self._taken = {lease.port: ref for ref, lease in self._rows.items()}
        database.keep(self._restore)

    def get(self, ref: Ref) -> PortLease | None:
        """The lease, from memory. None as well for a drawn port outside today's range."""
        lease = self._rows.get(ref)
        if lease is not None and lease.wish == AUTO and not self._in_range(lease.port):
            return None
        return lease

    async def lease(self, ref: Ref, wish: str) -> PortLease:
        """Lease a port and return when that outlives the daemon.

        Not a power cut: no child outlives that either, and the hash gives the same port again.
        """
        there = self.get(ref)
        if there is not None and there.wish == wish:
            return there
        port = self._draw(ref) if wish == AUTO else self._fixed(ref, int(wish))
        token = there.token if there is not None else secrets.token_urlsafe(24)
        lease = PortLease(port, wish, token)
        old = self._rows.get(ref)
        # In memory before the await: two workers must not draw one port.
        self._forget(ref)
        self._rows[ref], self._taken[port] = lease, ref
        try:
            await self._database.write(lambda db: db.execute(_PUT, _row(ref, lease)), durable=False)
        except BaseException:
            self._forget(ref)
            if old is not None:
                self._rows[ref], self._taken[old.port] = old, ref
            raise
        return lease

    async def release(self, ref: Ref) -> None:
        """Give it back and return when that is on disk. Nothing there: no effect."""
        if ref in self._rows:
            await self._database.write(lambda db: db.execute(_DROP, ref))
            self._forget(ref)

    def owner(self, token: str) -> Ref | None:
        """Whose token it is."""
        for ref, lease in self._rows.items():
            if secrets.compare_digest(lease.token.encode(), token.encode("utf-8", "replace")):
                return ref
        return None

    def _draw(self, ref: Ref) -> int:
        for port in self._candidates(ref):
            if port not in self._taken and self._free(port):
                return port
        last = self._base + self._count - 1
        raise Blocked(
            f"every port from {self._base} to {last} is taken; raise projects.portCount",
            reason="PortInUse", template="no project port is left; raise projects.portCount",
        )  # fmt: skip

    def _fixed(self, ref: Ref, port: int) -> int:
        owner = self._taken.get(port)
        if owner is not None and owner != ref:
            text = f"port {port} belongs to {owner}; give one of them another port"
            raise Blocked(text, reason="PortInUse", template=text)
        return port

    def _candidates(self, ref: Ref) -> Iterator[int]:
        if not self._base:
            yield from (_any_free() for _ in range(TRIES))
            return
        digest = hashlib.sha256(str(ref).encode()).digest()
        first = int.from_bytes(digest[:8], "big") % self._count
        for step in range(self._count):
            port = self._base + (first + step) % self._count
            if port <= LAST:
                yield port

    def _in_range(self, port: int) -> bool:
        return not self._base or self._base <= port < self._base + self._count

    def _forget(self, ref: Ref) -> None:
        lease = self._rows.pop(ref, None)
        if lease is not None and self._taken.get(lease.port) == ref:
            del self._taken[lease.port]

    def _restore(self, db: sqlite3.Connection) -> None:
        found = list(self._rows.items())
        db.execute("DELETE FROM leases")
        db.executemany(_PUT, [_row(ref, lease) for ref, lease in found])


def _any_free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _row(ref: Ref, lease: PortLease) -> tuple[Any, ...]:
    return sealed(*ref, lease.port, lease.wish, lease.token)


def _read(row: tuple[Any, ...]) -> tuple[Ref, PortLease]:
    kind, name, port, wish, token = unsealed(row)
    return Ref(kind, name), PortLease(port, wish, token)
