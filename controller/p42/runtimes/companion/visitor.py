"""Visitor: one client connection of a companion: lines in, replies out, bounded both ways.

The first line of what has come is heard at once; to hear those that came with it, to read on where
there was more than CHUNK, and to be thrown out, it waits in line with all others. Nothing more is
read before; nor while it does not read what it is sent.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

from p42.keeper.reactor import Reactor, Timer
from p42.keeper.turns import Turns
from p42.wire.budget import Budget
from p42.wire.tekton import Bad, Lines, Said, line

CHUNK = 8192  # bytes read at once
ON = 1 << 15  # bytes read at once of a line of which so much is there that it is a long one
FEW = 256  # bytes; so few may be all that a slow one sends at a time
GRAIN = 1024  # bytes that one holds more before it is counted
LAST = 8  # times CHUNK: what had arrived before it was to close
SENT = 1 << 14  # bytes the kernel keeps unsent for a client; by itself it would take 4 MiB of each
FULL = 1 << 14  # bytes unread from which on a client is not heard any more
FIRST = 60.0  # s for the first line; a quiet connection that never spoke is closed
HALF = 10.0  # s for the rest of a line that has begun, however it drips
UNREAD = 10.0  # s in which a client takes nothing of what it is sent


class Visitor:
    """`heard(visitor, said)` for each good line; `gone(visitor)` once.

    `turns` and `budget` are of all visitors together.
    """

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        *,
        heard: Callable[[Visitor, Said], None],
        gone: Callable[[Visitor], None],
        turns: Turns,
        budget: Budget,
    ) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # it hung up; the next read will say so
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT)
        self._reactor, self._sock, self._heard, self._gone = reactor, sock, heard, gone
        self._turns, self._lines, self._budget = turns, Lines(), budget
        self._held = 0  # bytes of the budget
        self._in_line = False  # goes on in its turn
        self._filled = False  # CHUNK bytes came: there may be more
        self._out = bytearray()
        self._looks = (False, False)  # waits until it may write, and until there is to read
        self._closing = False
        self._deaf = False  # it sends no more
        self.open = True
        self.asked = 0  # replies still owed
        self.spoke: float | None = None  # when it said its last whole line; monotonic
        self._first: Timer | None = self._until(FIRST)
        self._half: Timer | None = None
        self._unread: Timer | None = None
        self._look()

    @property
    def busy(self) -> bool:
        """Whether a reply is owed or not yet taken."""
        return self.asked > 0 or bool(self._out) or self._lines.unread

    def say(self, body: dict[str, object]) -> None:
        """Queue one reply. Closed: no effect."""
        if self.open:
            self._out += line(body)
            self._write()

    def leave(self) -> None:
        """Close as soon as nothing is owed any more; what has arrived by now is still answered."""
        for _ in range(LAST):
            if self.open and not self._closing:
                self._read()
            while self.open and (found := self._lines.pull()) is not None:
                self._take(found)
        self._closing = True
        self._look()

    def close(self) -> None:
        """Close now. Twice: no effect."""
        if not self.open:
            return
        self.open = False
        for timer in (self._first, self._half, self._unread):
            if timer is not None:
                timer.cancel()
        self._may_hold(0)
        self._reactor.forget(self._sock.fileno())
        self._sock.close()
        self._gone(self)

    def _look(self) -> None:
        """Wait for what has to come next; close if nothing has."""
        if not self.open:
            return
        if (self._closing or self._deaf) and not self.busy:
            self.close()
            return
        looks = (bool(self._out), not (self._in_line or self._deaf or self._full))
        if looks == self._looks:
            return
        self._looks, descriptor = looks, self._sock.fileno()
        match looks:
            case (True, True):
                self._reactor.both(descriptor, self._both)
            case (True, False):
                self._reactor.writable(descriptor, self._write)
            case (False, True):
                self._reactor.readable(descriptor, self._read)
            case _:
                self._reactor.forget(descriptor)

    def _read(self) -> None:
        try:
            size = CHUNK if self._lines.held < CHUNK else ON
            data = self._sock.recv(size)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._deaf = self._deaf or not data
        self._filled = len(data) == size
        if not (0 < len(data) <= FEW and self._lines.longer(data)):
            self._lines.push(data)
        elif self._lines.held - self._held < GRAIN:
            return  # a slow one: nothing there to be heard, and its deadlines run
        self._step()

    def _may_hold(self, held: int) -> bool:
        was, self._held = self._held, held
        return self._budget.change(was, held)

    def _spoken(self) -> None:
        """A whole line came: what waited for one is over."""
        self.spoke = time.monotonic()
        for timer in (self._first, self._half):
            if timer is not None:
                timer.cancel()
        self._first = self._half = None

    def _step(self) -> None:
        """Hear one line; what else there is to do, in its turn."""
        if not self._in_line and not self._full:
            found = self._lines.pull()
            if found is not None:
                self._spoken()
                self._take(found)
            self._line_up()
        if self.open and not self._may_hold(self._lines.held):
            self.close()
        self._look()

    @property
    def _full(self) -> bool:
        return len(self._out) >= FULL

    def _line_up(self) -> None:
        if not self.open or self._in_line or self._full:
            return
        if self._lines.unread or self._filled:
            self._in_line = True
            self._turns.wait(self._take_turn)
        elif self._lines.partial and self._half is None:
            self._half = self._until(HALF)

    def _take_turn(self) -> None:
        self._in_line = self._filled = False
        if self.open:
            self._step()

    def _until(self, seconds: float) -> Timer:
        """It is closed in `seconds`, when its turn comes, unless the timer was put away by then."""

        def late() -> None:
            if timer in (self._first, self._half, self._unread):
                self.close()

        timer = self._reactor.after(seconds, lambda: self._turns.wait(late))
        return timer

    def _take(self, found: Said | Bad) -> None:
        if isinstance(found, Said):
            self._heard(self, found)
            return
        if found.ends == "silently":
            self.close()
            return
        self.say({"type": "error", "error": found.error})
        if found.ends == "after":
            self.leave()

    def _write(self) -> None:
        moved = False
        try:
            sent = self._sock.send(self._out)
            del self._out[:sent]
            moved = sent > 0
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self._wait_for_reader(moved=moved)
        self._line_up()
        self._look()

    def _wait_for_reader(self, *, moved: bool) -> None:
        """Who takes nothing for UNREAD is closed, though a reply is owed."""
        if self._unread is not None and (moved or not self._out):
            self._unread.cancel()
            self._unread = None
        if self._out and self._unread is None:
            self._unread = self._until(UNREAD)

    def _both(self) -> None:
        self._read()
        if self.open and self._out:
            self._write()
