"""Channel: a non-blocking Unix stream socket that carries frames and descriptors, both ways."""

from __future__ import annotations

import array
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from p42.keeper.frames import Decoder, Message, Violation, encode

CHUNK = 256 * 1024  # bytes a read
MOST_FDS = 64  # descriptors in one read; the kernel's own cap is 253
BACKLOG = 64 * 2**20  # bytes not yet taken by the peer; past that it is dropped


class Watching(Protocol):
    """What a channel needs of an event loop: the keeper's reactor, or asyncio's behind a shim."""

    def readable(self, fd: int, do: Callable[[], None]) -> None:
        """Call `do` whenever `fd` is readable; replaces what was set for `fd`."""

    def both(self, fd: int, do: Callable[[], None]) -> None:
        """Call `do` whenever `fd` is readable or writable; replaces what was set for `fd`."""

    def forget(self, fd: int) -> None:
        """Stop looking at `fd`."""


class Channel:
    """One peer. `heard(message, fds)` for each frame; `gone()` once, when the peer left.

    Descriptors handed to `heard` belong to the callee. A violation ends the channel.
    """

    def __init__(
        self,
        reactor: Watching,
        sock: socket.socket,
        *,
        heard: Callable[[Message, list[int]], None],
        gone: Callable[[], None],
    ) -> None:
        sock.setblocking(False)
        self._reactor, self._sock, self._heard, self._gone = reactor, sock, heard, gone
        self._decoder = Decoder()
        self._fds: deque[int] = deque()
        self._out: deque[tuple[bytes, Sequence[int]]] = deque()
        self._waiting = 0
        self.open = True
        reactor.readable(sock.fileno(), self._read)

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Queue a frame; `fds` are duplicated, the caller keeps its own. Closed: no effect."""
        if not self.open:
            return
        frame = encode({**message, "fds": len(fds)} if fds else message)
        self._waiting += len(frame)
        if self._waiting > BACKLOG:
            self.close()
            return
        self._out.append((frame, tuple(os.dup(fd) for fd in fds)))
        self._write()

    def raw(self, data: bytes) -> None:
        """Queue bytes that are no frame: the word before the first one. Closed: no effect."""
        if self.open:
            self._waiting += len(data)
            self._out.append((data, ()))
            self._write()

    def close(self) -> None:
        """End it; `gone` is called. Twice: no effect."""
        if not self.open:
            return
        self.open = False
        self._reactor.forget(self._sock.fileno())
        self._sock.close()
        for _, fds in self._out:
            _close(fds)
        _close(self._fds)
        self._gone()

    def _ready(self) -> None:
        self._read()
        if self.open:
            self._write()

    def _read(self) -> None:
        try:
            data, ancillary, _, _ = self._sock.recvmsg(
                CHUNK, socket.CMSG_SPACE(MOST_FDS * array.array("i").itemsize)
            )
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._fds.extend(_descriptors(ancillary))
        if not data:
            self.close()
            return
        try:
            for message in self._decoder.feed(data):
                self._heard(message, self._taken(message))
                if not self.open:
                    return
        except Violation:
            self.close()

    def _taken(self, message: Message) -> list[int]:
        count = message.pop("fds", 0)
        if not isinstance(count, int) or not 0 <= count <= len(self._fds):
            raise Violation("a frame names more descriptors than came")
        return [self._fds.popleft() for _ in range(count)]

    def _write(self) -> None:
        while self._out:
            frame, fds = self._out[0]
            try:
                sent = _send(self._sock, frame, fds)
            except BlockingIOError:
                break
            except OSError:
                self.close()
                return
            _close(fds)  # they left with the first byte
            self._waiting -= sent
            self._out.popleft()
            if sent < len(frame):
                self._out.appendleft((frame[sent:], ()))
        if self._out:
            self._reactor.both(self._sock.fileno(), self._ready)
        else:
            self._reactor.readable(self._sock.fileno(), self._read)


def _send(sock: socket.socket, frame: bytes, fds: Sequence[int]) -> int:
    return socket.send_fds(sock, [frame], list(fds)) if fds else sock.send(frame)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    for fd in found:
        os.set_inheritable(fd, False)
    return list(found)


def _close(fds: Sequence[int] | deque[int]) -> None:
    for fd in fds:
        os.close(fd)
