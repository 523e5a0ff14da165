"""Visitor: one client connection of a companion: lines in, replies out, bounded both ways."""

from __future__ import annotations

import socket
from collections.abc import Callable

from p42.keeper.reactor import Reactor, Timer
from p42.wire.tekton import Bad, Lines, Said, line

CHUNK = 65536
BACKLOG = 4 * 2**20  # bytes a client may leave unread before it is dropped
FIRST = 60.0  # s for the first line; a quiet connection that never spoke is closed
HALF = 10.0  # s for the rest of a line that has begun


class Visitor:
    """`heard(visitor, said)` for each good line; `gone(visitor)` once."""

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        *,
        heard: Callable[[Visitor, Said], None],
        gone: Callable[[Visitor], None],
    ) -> None:
        sock.setblocking(False)
        self._reactor, self._sock, self._heard, self._gone = reactor, sock, heard, gone
        self._lines = Lines()
        self._out = bytearray()
        self._closing = False
        self.open = True
        self.asked = 0  # replies still owed
        self._patience: Timer | None = reactor.after(FIRST, self.close)
        reactor.readable(sock.fileno(), self._read)

    @property
    def busy(self) -> bool:
        """Whether a reply is owed or not yet taken."""
        return self.asked > 0 or bool(self._out)

    def say(self, body: dict[str, object]) -> None:
        """Queue one reply. Closed: no effect."""
        if not self.open:
            return
        self._out += line(body)
        if len(self._out) > BACKLOG:
            self.close()
        else:
            self._write()

    def leave(self) -> None:
        """Close as soon as nothing is owed any more; what has arrived by now is still answered."""
        if self.open and not self._closing:
            self._read()
        self._closing = True
        if self.open and not self.busy:
            self.close()

    def close(self) -> None:
        """Close now. Twice: no effect."""
        if not self.open:
            return
        self.open = False
        if self._patience is not None:
            self._patience.cancel()
        self._reactor.forget(self._sock.fileno())
        self._sock.close()
        self._gone(self)

    def _read(self) -> None:
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not data:
            self._ended()
            return
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        for found in self._lines.feed(data):
            self._take(found)
            if not self.open:
                return
        if self._lines.partial:
            self._patience = self._reactor.after(HALF, self.close)

    def _ended(self) -> None:
        """The client will send no more; what it asked is still answered."""
        if self.busy:
            self._closing = True
            self._reactor.forget(self._sock.fileno())
        else:
            self.close()

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
        try:
            sent = self._sock.send(self._out)
            del self._out[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._out:
            self._reactor.both(self._sock.fileno(), self._both)
        elif self._closing and not self.busy:
            self.close()
        else:
            self._reactor.readable(self._sock.fileno(), self._read)

    def _both(self) -> None:
        self._read()
        if self.open and self._out:
            self._write()
