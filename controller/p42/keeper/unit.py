"""Unit: one declared socket and the child that answers it: asleep, starting, awake or draining.

    asleep    the keeper polls the listener; the first connection starts a child
    starting  asked of the zygote; connections wait in the kernel's queue
    awake     the child accepts; the keeper does not look
    paused    started too often in too short a time: connections wait, nobody polls for a while
    draining  told to retire: it accepts no more, ends its conversations, then exits

A retiring child never shuts the listener down, so nobody is ever refused. Prior art: inetd,
systemd's sockets and their TriggerLimit; unlike the latter this one passes by itself.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from p42.keeper.channel import Channel
from p42.keeper.children import Child
from p42.keeper.listener import Listener

TRIGGERS = 20  # starts ...
WINDOW = 10.0  # ... in so many seconds; then a pause of as many
STEADY = 60.0  # s; a child that lived so long was well: what comes later is a new trouble

State = Literal["asleep", "starting", "awake", "paused"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the daemon wants of a unit. Another digest is another child.

    What of `spec` the digest does not cover, a child can be told while it runs.
    """

    name: str
    port: int
    digest: str
    always: bool
    spec: Mapping[str, Any]
    env: Mapping[str, str]
    cwd: str
    limits: Mapping[str, int]
    log: str
    wish: str = ""  # the daemon's own word for what it declared; given back in the row

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Declaration:
        """From the message `declare`. KeyError for one that lacks a field."""
        return cls(
            name=message["name"], port=message["port"], digest=message["digest"],
            always=message["always"], spec=message["spec"], env=message["env"],
            cwd=message["cwd"], limits=message["limits"], log=message["log"],
            wish=message.get("wish", ""),
        )  # fmt: skip


@dataclass(slots=True)
class Life:
    """One child of a unit and the private channel to it."""

    child: Child | None  # None until the zygote has told the pid
    channel: Channel
    digest: str
    token: str
    spec: Mapping[str, Any]  # what it knows
    retiring: bool = False


@dataclass(slots=True)
class Unit:
    """One row of the keeper's table."""

    declaration: Declaration
    listener: Listener
    state: State = "asleep"
    life: Life | None = None
    draining: list[Life] = field(default_factory=list)
    starts: deque[float] = field(default_factory=deque)
    started: int = 0
    last_exit: int | None = None
    exited_at: float = 0.0  # wall time of it; 0 = never
    crashes: int = 0  # ends in a row that nobody asked for, each soon after its start

    def may_start(self) -> bool:
        """Count a start; False when there were TRIGGERS of them within WINDOW."""
        now = time.monotonic()
        while self.starts and self.starts[0] < now - WINDOW:
            self.starts.popleft()
        if len(self.starts) >= TRIGGERS:
            return False
        self.starts.append(now)
        self.started += 1
        return True

    def ended(self, child: Child, code: int) -> None:
        """The child that answered ended without being asked to."""
        self.last_exit, self.exited_at = code, time.time()
        steady = self.exited_at - child.since >= STEADY
        self.crashes = 1 if steady else self.crashes + 1

    def lives(self) -> list[Life]:
        """The one that answers and those that drain."""
        return [*([self.life] if self.life else []), *self.draining]

    def row(self) -> dict[str, Any]:
        """What the daemon is told."""
        child = self.life.child if self.life else None
        return {
            "name": self.declaration.name,
            "digest": self.declaration.digest,
            "port": self.listener.port,
            "state": self.state,
            "pid": child.pid if child else 0,
            "since": child.since if child else 0,
            "childDigest": self.life.digest if self.life else "",
            "starts": self.started,
            "draining": len(self.draining),
            "lastExit": self.last_exit,
            "exitedAt": self.exited_at,
            "crashes": self.crashes,
            "wish": self.declaration.wish,
        }
