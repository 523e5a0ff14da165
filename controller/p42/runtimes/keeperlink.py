"""KeeperLink: the daemon's end of the keeper: found or started, asked, listened to, found again.

Guarantees: at most one keeper of a home (its lock sees to that); a request either gets its answer
or raises Retry; after a keeper died the link starts a fresh one, and `renewed` tells the owner
that whatever was declared has to be declared again.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from p42.keeper.channel import Channel
from p42.keeper.frames import VERSION, Message
from p42.model.errors import P42Error, Retry

ENTRY = "p42.runtimes.companion.companion:main"
START = 5.0  # s for a keeper to listen; it takes 60 ms
ANSWER = 10.0  # s for an answer; the keeper never works longer than a fork


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

    def __init__(
        self,
        run: Path,
        *,
        grace: float,
        told: Callable[[Message], None],
        renewed: Callable[[], None],
    ) -> None:
        self._run, self._grace = run, grace
        self._told, self._renewed = told, renewed
        self._channel: Channel | None = None
        self._ready = asyncio.Event()
        self._lost = asyncio.Event()
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._numbers = itertools.count(1)
        self._ending = False
        self.pid = 0

    async def run(self) -> None:
        """Hold the connection: connect or start, wait until it breaks, again."""
        try:
            while not self._ending:
                self._lost.clear()
                await self._connect()
                await self._lost.wait()
        finally:
            if self._channel is not None:
                self._channel.close()

    async def ask(self, op: str, fds: Sequence[int] = (), **fields: Any) -> Message:
        """One request. Raises Retry when the keeper is away or too slow; OSError never.

        An answer with `error` is returned as it is: what it means is the caller's business.
        """
        try:
            async with asyncio.timeout(ANSWER):
                await self._ready.wait()
                number = next(self._numbers)
                answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
                self._answers[number] = answer
                try:
                    assert self._channel is not None  # noqa: S101 - ready says so
                    self._channel.send({"op": op, "seq": number, **fields}, fds)
                    return await answer
                finally:
                    self._answers.pop(number, None)
        except TimeoutError as error:
            raise Retry(f"the keeper did not answer {op!r} within {ANSWER:.0f} s") from error

    async def end(self) -> None:
        """End the keeper and every child, and wait until it is gone (at most its own grace)."""
        self._ending = True
        await self.ask("end")
        await self._lost.wait()

    async def _connect(self) -> None:
        sock = await self._socket()
        renewed = self.pid
        hello: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def heard(message: Message, fds: list[int]) -> None:
            for fd in fds:
                os.close(fd)
            if message.get("event") == "hello" and not hello.done():
                hello.set_result(message)
            else:
                self._heard(message)

        self._channel = Channel(
            _Loop(asyncio.get_running_loop()), sock, heard=heard, gone=self._gone
        )
        async with asyncio.timeout(START):
            greeting = await hello
        self.pid = int(greeting["pid"])
        if int(greeting["version"]) < VERSION:
            self._channel.send({"op": "zygote", "seq": 0})
        self._channel.send({"op": "grace", "seq": 0, "seconds": self._grace})
        self._ready.set()
        if renewed != self.pid:
            self._renewed()

    async def _socket(self) -> socket.socket:
        """Connected to the keeper; starts one if nobody listens."""
        path = str(self._run / "keeper.sock")
        sock = _dialled(path)
        if sock is not None:
            return sock
        async with asyncio.timeout(START):
            await self._start()
        sock = _dialled(path)
        if sock is None:
            raise P42Error(f"the keeper does not listen; see {self._run / 'keeper.log'}")
        return sock

    async def _start(self) -> None:
        """The same Python and the same code as ours, with nothing of our environment but PATH."""
        root = str(Path(__file__).parents[2])
        code = (
            f"import sys; sys.path.insert(0, {root!r}); import p42.keeper.__main__ as k; k.main()"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", code, str(self._run), str(self._grace), ENTRY,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", os.defpath)},
        )  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        await process.stdout.read()  # its end is the keeper's word that it listens, or is gone
        await process.wait()

    def _heard(self, message: Message) -> None:
        answer = self._answers.get(message.get("seq") or 0)
        if answer is not None and not answer.done():
            answer.set_result(message)
        elif "event" in message:
            self._told(message)

    def _gone(self) -> None:
        self._ready.clear()
        self._lost.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Retry("the keeper ended; a new one is started"))


def _dialled(path: str) -> socket.socket | None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        return None
    return sock
