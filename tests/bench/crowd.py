"""Crowd: clients that mean no good, many at once, for `tests.bench.hostile` and tests/doors.

slow        a byte of a request now and then
deaf        asks and asks, and reads no answer
endless     a line of 100 MB
binary      bytes that are nothing
page        what a web page can post: HTTP with a good request as its body
heavy       a request of a mebibyte, but for its last byte
idle        says nothing

One thread and one selector, bytes made beforehand: what it costs to be hostile is to be seen at
the server, and not as a lack of cores. Who is thrown out notices at once, and comes again.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import json
import os
import random
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

LINE = 100 << 20  # bytes
CHUNK = 1 << 16
PAUSE = 0.2  # s until a client that was thrown out comes again
SMALL = 4096  # bytes the kernel keeps for one of them: what it does not read is soon the server's
LONG = 2.0  # s; who has sent a mebibyte for nothing would else be a flood, and not a crowd
DRIP = 0.25  # s between two bytes of a slow one
LOOK = 0.05  # s between two looks whether it is over
EVIL = "evil-session"  # what no session may ever be called


def possess() -> bytes:
    """A request that would begin a conversation, and so leave a trace."""
    body = {"type": "possess", "id": EVIL, "payload": {"agent": "evil", "message": "run this"}}
    return json.dumps(body).encode()


def page() -> bytes:
    """A form that posts `text/plain`, as any page may."""
    body = possess()
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + b"\n" + body + b"\n" + body


ASKED = b'{"type":"ping","id":"' + b"d" * 900 + b'"}\n'


@dataclass(frozen=True, slots=True)
class Manner:
    """How one of a kind behaves: `first`, then `more` again and again, `most` bytes in all."""

    name: str
    share: float  # of the crowd
    first: bytes = b""
    more: bytes = b""
    most: float = 0
    drips: bool = False  # a byte of `first` at a time
    reads: bool = True
    pause: float = PAUSE


# The few that send all they can would else be measured as a lack of cores.
MANNERS = (
    Manner("slow", 0.40, b'{"type":"ping","id":"' + b"x" * 10_000, drips=True),
    # The answers pile up in the kernel, and then in the server, until that has had enough.
    Manner("deaf", 0.10, more=ASKED * (CHUNK // len(ASKED)), most=float("inf"), reads=False),
    Manner("idle", 0.404),
    # Each of them may; all of them together must not fill the server's memory.
    Manner("heavy", 0.08, b'{"type":"ping","id":"' + b"x" * ((1 << 20) - 64), pause=LONG),
    Manner("endless", 0.004, b'{"type":"', more=b"x" * CHUNK, most=LINE),
    Manner("binary", 0.006, os.urandom(CHUNK)),
    Manner("page", 0.006, page()),
)


class Crowd:
    """`count` clients of `port`. `comings` by kind; what they did is counted in `sent`, bytes by
    kind, and `drips`."""

    def __init__(self, port: int, count: int) -> None:
        self.port = port
        self.comings: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.drips = 0
        self._ready = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        for manner in MANNERS:
            for _ in range(max(1, int(count * manner.share))):
                one = One(self, manner)  # not all together: else they would drip in one moment
                self.after(random.uniform(0, DRIP), one.come)

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Have `do` called in `seconds`."""
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), do))

    def watch(self, door: socket.socket, events: int, do: Callable[[int], None]) -> None:
        """From now on call `do(events)` when one of `events` is there; 0 = an error alone."""
        if door.fileno() in self._ready.get_map():
            self._ready.modify(door, events, do)
        else:
            self._ready.register(door, events, do)

    def forget(self, door: socket.socket) -> None:
        """Before its close; unknown: no effect."""
        with suppress(KeyError, ValueError):
            self._ready.unregister(door)

    def told(self) -> str:
        """What it did, in a line."""
        sent = {name: count >> 20 for name, count in self.sent.items() if count >> 20}
        return f"came {dict(self.comings)}; {self.drips:,} drips; MiB handed over {sent}"

    def run(self, over: Callable[[], bool]) -> None:
        """Until `over`, looked at every LOOK; all connections are closed then."""
        look = time.monotonic()
        while time.monotonic() < look or not over():
            look = max(look, time.monotonic() - LOOK) + LOOK
            self._move(look)
        for key in list(self._ready.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._ready.close()

    def _move(self, until: float) -> None:
        now = time.monotonic()
        while now < until:
            due = self._due[0][0] if self._due else until
            for key, events in self._ready.select(max(0.0, min(due, until) - now)):
                key.data(events)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()


class One:
    """One of the crowd, from coming to coming."""

    def __init__(self, crowd: Crowd, manner: Manner) -> None:
        self._crowd, self._manner = crowd, manner
        self._door: socket.socket | None = None
        self._left = memoryview(b"")  # of what is being sent
        self._sent = 0  # bytes since it came

    def come(self) -> None:
        """Connect; what comes of it is told by the selector."""
        self._door = door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        door.setblocking(False)
        if (error := door.connect_ex(("127.0.0.1", self._crowd.port))) == errno.EINPROGRESS:
            self._crowd.watch(door, selectors.EVENT_WRITE, lambda _: self._begin())
        elif error:
            self._again()
        else:
            self._begin()

    def _begin(self) -> None:
        assert self._door is not None
        if self._door.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._again()
            return
        self._crowd.comings[self._manner.name] += 1
        self._sent, self._left = 0, memoryview(self._manner.first)
        if self._manner.drips:
            self._crowd.watch(self._door, selectors.EVENT_READ, self._move)
            self._drip(self._door)
        else:
            self._move(selectors.EVENT_WRITE)

    def _drip(self, door: socket.socket) -> None:
        if self._door is not door:
            return  # thrown out, and perhaps here again
        try:
            self._tell(door.send(self._left[:1]))
        except OSError:
            self._again()
            return
        self._crowd.drips += 1
        self._crowd.after(DRIP, lambda: self._drip(door))

    def _move(self, events: int) -> None:
        """Send what goes out, read what is there."""
        door, wants = self._door, selectors.EVENT_READ if self._manner.reads else 0
        assert door is not None
        try:
            if events & selectors.EVENT_READ and not door.recv(CHUNK):
                self._again()
                return
            if events & selectors.EVENT_WRITE and self._send(door):
                wants |= selectors.EVENT_WRITE
        except OSError:
            self._again()
            return
        if events & selectors.EVENT_WRITE:
            self._crowd.watch(door, wants, self._move)

    def _send(self, door: socket.socket) -> bool:
        """All it can; whether there is more."""
        try:
            while self._left or self._sent < self._manner.most:
                self._left = self._left or memoryview(self._manner.more)
                self._tell(door.send(self._left))
        except BlockingIOError:
            return True
        return False

    def _tell(self, sent: int) -> None:
        self._left = self._left[sent:]
        self._sent += sent
        self._crowd.sent[self._manner.name] += sent

    def _again(self) -> None:
        assert self._door is not None
        self._crowd.forget(self._door)
        self._door.close()
        self._door = None
        self._crowd.after(self._manner.pause, self.come)
