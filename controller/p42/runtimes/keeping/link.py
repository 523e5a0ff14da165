"""KeeperLink: the daemon's end of the keeper: found or started, asked, listened to, found again.

Guarantees: at most one keeper of a home (its lock sees to that); a request either gets its answer
or raises Retry; whoever listens is told the keeper's whole table at each connection, and then every
event in order; a keeper that died is started afresh, for ever, with a pause between two tries.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from p42 import __version__
from p42.keeper.channel import Channel
from p42.keeper.frames import Message
from p42.model.errors import Retry
from p42.runtimes.keeping.start import KeeperStart, dialled

START = 5.0  # s for a keeper to listen; it takes 60 ms
ANSWER = 10.0  # s for an answer; the keeper never works longer than a fork
PAUSE = 0.1  # s between two tries; one that is just ending gives its lock back within seconds
# One that was killed takes connections until the kernel has closed all it had open.
DYING, SOON = 5, 0.01  # tries, s between them
HELLO = -1  # no request has this number
FAREWELL = 7.0  # s for the end of all children; each has 5 from SIGTERM to SIGKILL
_log = logging.getLogger("p42.keeper")


class Listener(Protocol):
    """Who hears what the keeper tells. Called in the loop, in order."""

    def joined(self, table: Message, *, fresh: bool) -> None:
        """Connected: all there is. `fresh`: not the keeper that was there before."""

    def told(self, message: Message) -> None:
        """Something happened."""

    def lost(self) -> None:
        """The connection broke."""


class _Loop:
    """asyncio's loop as the keeper's channel wants it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def readable(self, fd: int, do: Callable[[], None]) -> None:
        self._loop.remove_writer(fd)
        self._loop.add_reader(fd, do)

    def both(self, fd: int, do: Callable[[], None]) -> None:
        self._loop.add_reader(fd, do)
        self._loop.add_writer(fd, do)

    def forget(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)


class KeeperLink:
    """One per daemon. `run` keeps the connection until cancelled; requests wait for it."""

    def __init__(self, run: Path, *, grace: float) -> None:
        self._run, self._grace = run, grace
        self._listeners: list[Listener] = []
        self._channel: Channel | None = None
        self._ready, self._lost = asyncio.Event(), asyncio.Event()
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._numbers = itertools.count(1)
        self._ending = False
        self._found: socket.socket | None = None  # dialled before the loop was there
        self._begun: KeeperStart | None = None  # on its way, and not waited for yet
        self.pid = 0  # the keeper's; 0 = none yet

    def attach(self, listener: Listener) -> None:
        """Tell `listener` too. Before `run`."""
        self._listeners.append(listener)

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Have the keeper start beside what the block does before it comes to `run`.

        One that was begun for a block that never ran it is ended. One that lives is left alone.
        """
        self._found = dialled(self._run / "keeper.sock")
        if self._found is None:
            with suppress(OSError):  # no process to be had: `run` tries for as long as it takes
                self._begun = KeeperStart(self._run, self._grace)
        try:
            yield
        finally:
            if self._found is not None:
                self._found.close()
            if self._begun is not None:
                self._begun.end()

    async def run(self) -> None:
        """Hold the connection: connect or start, wait until it breaks, again."""
        failed = 0
        try:
            while not self._ending:
                self._lost.clear()
                if why := await self._connected():
                    failed += 1
                    if failed > DYING:
                        _log.warning("the keeper cannot be reached yet: %s", why)
                    await asyncio.sleep(PAUSE if failed > DYING else SOON)
                else:
                    failed = 0
                    await self._lost.wait()
        finally:
            if self._channel is not None:
                self._channel.close()

    async def ready(self, seconds: float) -> bool:
        """Wait until it is connected, at most so long; whether it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        return self._ready.is_set()

    async def ask(self, op: str, fds: Sequence[int] = (), **fields: Any) -> Message:
        """One request. Raises Retry when the keeper is away or too slow; OSError never.

        An answer with `error` is returned as it is: what it means is the caller's business.
        """
        try:
            async with asyncio.timeout(ANSWER):
                await self._ready.wait()
                return await self._asked(op, fds, fields)
        except TimeoutError as error:
            raise Retry(f"the keeper did not answer {op!r} within {ANSWER:.0f} s") from error

    def tell(self, op: str, **fields: Any) -> None:
        """A request whose answer nobody waits for. No keeper: no effect."""
        if self._channel is not None and self._channel.open:
            self._channel.send({"op": op, "seq": 0, **fields})

    async def end(self) -> None:
        """End the keeper and every child, and wait until it is gone, at most FAREWELL seconds."""
        self._ending = True
        if not self._ready.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                with suppress(Retry):
                    await self.ask("end")
                await self._lost.wait()

    async def _asked(self, op: str, fds: Sequence[int], fields: Message) -> Message:
        number = next(self._numbers)
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            if self._channel is not None:
                self._channel.send({"op": op, "seq": number, **fields}, fds)
            return await answer
        finally:
            self._answers.pop(number, None)

    async def _connected(self) -> str:
        """Connect, starting a keeper if none listens; learn its table. Why not; "" = done."""
        try:
            async with asyncio.timeout(START):
                sock = await self._socket()
                if sock is None:
                    return "another one is just ending"
                table, pid = await self._greeted(sock)
        except (TimeoutError, OSError, Retry) as error:
            if self._channel is not None:
                self._channel.close()
            return str(error) or "no answer"
        fresh, self.pid = pid != self.pid, pid
        for listener in self._listeners:
            listener.joined(table, fresh=fresh)
        self._ready.set()
        return ""

    async def _greeted(self, sock: socket.socket) -> tuple[Message, int]:
        hello: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def heard(message: Message, fds: list[int]) -> None:
            for fd in fds:
                os.close(fd)
            if message.get("event") == "hello" and not hello.done():
                hello.set_result(message)
            else:
                self._heard(message)

        loop = _Loop(asyncio.get_running_loop())
        self._channel = Channel(loop, sock, heard=heard, gone=self._gone)
        self._answers[HELLO] = hello  # a keeper that dies before it greets fails it
        try:
            pid = int((await hello)["pid"])
        finally:
            del self._answers[HELLO]
        self.tell("grace", seconds=self._grace)
        self.tell("zygote", code=__version__)
        return await self._asked("table", (), {}), pid

    async def _socket(self) -> socket.socket | None:
        """Connected to the keeper; starts one if nobody listens. None = try again."""
        found, self._found = self._found, None
        begun, self._begun = self._begun, None
        if begun is not None:
            await begun.listens()
        path = self._run / "keeper.sock"
        sock = found or dialled(path)
        if sock is None and begun is None:
            await KeeperStart(self._run, self._grace).listens()
            sock = dialled(path)
        return sock

    def _heard(self, message: Message) -> None:
        answer = self._answers.get(message.get("seq") or 0)
        if answer is not None and not answer.done():
            answer.set_result(message)
        elif "event" in message:
            for listener in self._listeners:
                listener.told(message)

    def _gone(self) -> None:
        was_ready = self._ready.is_set()
        self._ready.clear()
        self._lost.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Retry("the keeper ended; a new one is started"))
        if was_ready:
            for listener in self._listeners:
                listener.lost()
