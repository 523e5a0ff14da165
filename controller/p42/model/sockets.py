"""Sockets: ports that belong to refs, the sockets held on them, and the children that answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from p42.model.refs import Ref


@dataclass(frozen=True, slots=True)
class PortLease:
    """A port of this machine that belongs to a ref until it is given back.

    `wish` is what was asked for: `auto`, or the number. `token` is the secret by which the child
    behind the port is known to the broker; it never leaves the daemon but to that child.
    """

    port: int
    wish: str
    token: str = field(default="", repr=False)


class PortLeases(Protocol):
    """Who has which port, durable and machine-local. The same ref gets the same port again."""

    def get(self, ref: Ref) -> PortLease | None:
        """The lease, from memory. None as well for a drawn port outside today's range."""

    async def lease(self, ref: Ref, wish: str) -> PortLease:
        """Lease a port: the fixed one, or by the name's hash the next free one. It outlives us.

        Blocked (PortInUse) when another ref has the fixed port, or none is left.
        """

    async def release(self, ref: Ref) -> None:
        """Give it back. Nothing there: no effect."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A declared socket and the child that answers it, as the keeper tells them.

    `state`: asleep, starting, awake, or paused after too many starts. `wish` is the digest that
    `declare` gave. `since`, `exited_at`: wall time, 0 = never. `crashes`: unasked ends in a row.
    """

    port: int
    wish: str
    state: str = "asleep"
    pid: int = 0
    since: float = 0.0
    starts: int = 0
    crashes: int = 0
    last_exit: int | None = None
    exited_at: float = 0.0
    draining: int = 0


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a child behind a socket gets. `wish` is the digest of all of it but the token.

    `digest` is of what makes another child of it; with the same one, a child that runs is told its
    new spec. "" = all of it does.
    """

    wish: str
    port: int
    always: bool
    spec: Mapping[str, Any] = field(repr=False)  # holds its token
    limits: Mapping[str, int]
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """What an awake child said of itself, `latency` seconds after it was asked."""

    latency: float
    clients: int
    requests: int
    cpu_ms: int


class Units(Protocol):
    """Sockets on demand, held by the keeper. Raises Retry while the keeper is away."""

    def get(self, ref: Ref) -> Unit | None:
        """The row, from memory."""

    async def declare(self, ref: Ref, declaration: Declaration) -> None:
        """Hold the port; a child of another digest is replaced without a refused connection.

        With the same digest and another wish, the child that runs is told, and its clients stay.
        `always`: returns when the child is awake or has failed. Retry (PortInUse) names who has
        the port.
        """

    async def drop(self, ref: Ref) -> None:
        """Give the port back and end its children. Nothing there: no effect."""

    async def wake(self, ref: Ref) -> None:
        """Start the child now; returns when it is awake or has failed. Asleep only."""

    async def probe(self, ref: Ref) -> Probe | None:
        """Ask the awake child over the private channel; None = none is awake or it is silent."""

    async def holder(self, port: int) -> str:
        """Who else listens on `port`, for a person; "" = nobody."""

    def follow(self) -> AsyncIterator[Ref | None]:
        """Refs whose row changed, None = all, until closed."""

    @property
    def idle(self) -> float:
        """Seconds a child stays without a client where its manifest does not say."""
