"""KeeperUnits: the Units port: the keeper's table in memory, kept up by its events.

Guarantees: `get` never waits and never lies for longer than an event takes; while the keeper is
away it raises Retry. Rows come by events only, in the order in which they became true, and before
the answer to what made them so. A keeper that was started afresh holds nothing: everyone
is told to look again (`follow` yields None), and the engine declares what is wanted.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from p42.keeper.frames import Message
from p42.keeper.listener import is_free
from p42.model.errors import Blocked, P42Error, Retry
from p42.model.faults import fault
from p42.model.refs import Ref
from p42.model.sockets import Declaration, Probe, Unit
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.processes import allowed
from p42.runtimes.squatters import holder

AWAKE = 5.0  # s for a child to come up; it takes 5 ms, and 100 ms for the first
ANSWERED = frozenset({"declared", "dropped", "woken"})  # whoever asked for it looks by itself
DYING, TRIES = 0.5, 5  # s, looks; the children of a keeper that was killed give their ports back
BUSY = 1.0  # s between two looks at a port that somebody else has
SILENT = 2.0  # s until a probe counts as unanswered
Said = Callable[[Ref, str, str], None]  # (ref, asked, answered)


class KeeperUnits:
    """The Units port. `said` hears each message a companion was sent and its answer."""

    def __init__(
        self, home: Path, link: KeeperLink, *, env: Mapping[str, str], idle: float, said: Said
    ) -> None:
        self._home, self._link, self._idle, self._said = home, link, idle, said
        self._env = {**allowed(env), "P42_HOME": str(home)}
        self._rows: dict[Ref, Unit] | None = None  # None = the keeper is away
        self._waiting: defaultdict[Ref, set[asyncio.Event]] = defaultdict(set)
        self._probes: dict[str, asyncio.Future[Message]] = {}
        self._followers: set[_Follower] = set()
        link.attach(self)

    @property
    def idle(self) -> float:
        """Seconds a child stays without a client where its manifest does not say."""
        return self._idle

    @property
    def keeper(self) -> int:
        """The keeper's pid; 0 = it is away."""
        return self._link.pid if self._rows is not None else 0

    def get(self, ref: Ref) -> Unit | None:
        """The row, from memory. Retry while the keeper is away."""
        if self._rows is None:
            raise Retry("the keeper is being started", after=0.2)
        return self._rows.get(ref)

    def all(self) -> dict[Ref, Unit]:
        """Every row; empty while the keeper is away."""
        return dict(sorted((self._rows or {}).items()))

    async def declare(self, ref: Ref, declaration: Declaration) -> None:
        """Hold the port; with `always`, return when the child is awake or has failed."""
        name = f"{ref.kind.lower()}-{ref.name}"
        ask = partial(
            self._link.ask, "declare", name=str(ref), port=declaration.port,
            wish=declaration.wish, always=declaration.always,
            spec={**declaration.spec, "broker": str(self._home / "run" / "p42.sock")},
            env=self._env, cwd="/", limits=dict(declaration.limits),
            log=str(self._home / "logs" / "units" / f"{name}.log"),
        )  # fmt: skip
        digest = declaration.digest or declaration.wish
        answer = await ask(digest=digest)
        for _ in range(TRIES):
            if answer.get("errno") != errno.EADDRINUSE:
                break
            await asyncio.sleep(DYING / TRIES)
            answer = await ask(digest=digest)
        if answer.get("unit", {}).get("wish", declaration.wish) != declaration.wish:
            answer = await ask(digest=declaration.wish)  # an older keeper tells a child nothing
        if "unit" not in answer:
            raise await _refused(answer, declaration.port)
        if declaration.always:
            await self._up(ref)

    async def drop(self, ref: Ref) -> None:
        """Give the port back and end its children. Nothing there: no effect."""
        await self._link.ask("drop", name=str(ref))

    async def wake(self, ref: Ref) -> None:
        """Start the child now; returns when it is awake or has failed."""
        await self._link.ask("wake", name=str(ref))
        await self._up(ref)

    async def probe(self, ref: Ref) -> Probe | None:
        """Ask the awake child over the private channel; None = none is awake or it is silent."""
        nonce = secrets.token_hex(8)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._probes[nonce] = answer
        began = time.monotonic()
        try:
            relayed = {"op": "probe", "nonce": nonce}
            asked = await self._link.ask("relay", name=str(ref), message=relayed)
            if not asked.get("awake"):
                return None
            async with asyncio.timeout(SILENT):
                said = await answer
        except TimeoutError:
            return None
        finally:
            del self._probes[nonce]
        latency = time.monotonic() - began
        return Probe(latency, said["clients"], said["requests"], said["cpuMs"])

    async def holder(self, port: int) -> str:
        """Who else listens on `port`, for a person; "" = nobody."""
        for _ in range(TRIES):
            if is_free(port):
                return ""
            who = await asyncio.to_thread(holder, port)
            if not who.startswith("p42:"):
                return who
            await asyncio.sleep(DYING / TRIES)  # a companion whose keeper was killed
        return who

    async def follow(self) -> AsyncIterator[Ref | None]:
        """Refs whose row changed, None = all, until closed."""
        follower = _Follower()
        self._followers.add(follower)
        try:
            while True:
                yield await follower.next()
        finally:
            self._followers.discard(follower)

    def joined(self, table: Message, *, fresh: bool) -> None:
        """The keeper's whole table."""
        self._rows = rows_of(table["units"])
        self._wake(None)

    def told(self, message: Message) -> None:
        """One event of the keeper."""
        if "row" in message:
            ref = _ref(message)
            self._set(ref, message["row"])
            if message["event"] not in ANSWERED:
                self._wake(ref)
        elif message.get("op") == "probed":
            probe = self._probes.get(str(message.get("nonce")))
            if probe is not None and not probe.done():
                probe.set_result(message)
        elif message.get("op") == "message":
            self._said(_ref(message), str(message["asked"]), str(message["answered"]))

    def lost(self) -> None:
        """The keeper is away."""
        self._rows = None
        for events in self._waiting.values():
            for event in events:
                event.set()

    def _set(self, ref: Ref, row: Mapping[str, Any] | None) -> None:
        if self._rows is None:
            return
        if row is not None:
            self._rows[ref] = _unit(row)
        else:
            self._rows.pop(ref, None)
        for event in self._waiting.get(ref, ()):
            event.set()

    def _wake(self, ref: Ref | None) -> None:
        for follower in self._followers:
            follower.put(ref)

    async def _up(self, ref: Ref) -> None:
        """Until the child is no more starting, at most AWAKE seconds."""
        event = asyncio.Event()
        self._waiting[ref].add(event)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(AWAKE):
                    while (unit := self.get(ref)) is not None and unit.state == "starting":
                        event.clear()
                        await event.wait()
        finally:
            self._waiting[ref].discard(event)
            if not self._waiting[ref]:
                del self._waiting[ref]


class _Follower:
    """The refs one listener has not taken yet: a set, so that it is bounded by what there is."""

    def __init__(self) -> None:
        self._pending: dict[Ref | None, None] = {}
        self._some = asyncio.Event()

    def put(self, ref: Ref | None) -> None:
        self._pending[ref] = None
        self._some.set()

    async def next(self) -> Ref | None:
        await self._some.wait()
        ref = next(iter(self._pending))
        del self._pending[ref]
        if not self._pending:
            self._some.clear()
        return ref


def rows_of(units: Sequence[Mapping[str, Any]]) -> dict[Ref, Unit]:
    """The keeper's table of units, by name."""
    return {_ref(row): _unit(row) for row in units}


def _ref(message: Mapping[str, Any]) -> Ref:
    kind, _, name = str(message["name"]).partition("/")
    return Ref(kind, name)


def _unit(row: Mapping[str, Any]) -> Unit:
    return Unit(
        port=row["port"], wish=row["wish"], state=row["state"], pid=row["pid"], since=row["since"],
        starts=row["starts"], crashes=row["crashes"], last_exit=row["lastExit"],
        exited_at=row["exitedAt"], draining=row["draining"],
    )  # fmt: skip


async def _refused(answer: Message, port: int) -> P42Error:
    number = int(answer.get("errno") or 0)
    if number == errno.EADDRINUSE:
        who = await asyncio.to_thread(holder, port) or "another program"
        text = f"port {port} is held by {who}; stop it, and this goes on by itself"
        return Retry(text, reason="PortInUse", after=BUSY)
    if number == errno.EACCES:
        return Blocked(f"port {port} is not open to your user; take one above 1023")
    if number:
        return fault(OSError(number, os.strerror(number)), f"port {port}")
    return Retry(f"the keeper refused: {answer.get('error')}")
