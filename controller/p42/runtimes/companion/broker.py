"""Broker: how a companion asks the daemon for a completion. It has a token of its own, no keys.

A daemon that is away for a moment, as over `p42 restart`, is waited for. What it may have begun to
answer is not asked a second time, for it may have been paid for: only a question of which it has
not read enough is asked again. Unix sockets tell which it was: who closes with bytes unread resets
the connection, who has read them all ends it (Linux; elsewhere all of them end it).
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from p42.keeper.address import address
from p42.keeper.reactor import Reactor, Timer

DEADLINE = 19.0  # s; clients of the originals give up after 20
PATIENCE = 3.0  # s without a sign of a daemon; a restart leaves none for 0.3 s, 1 s on a busy day
PAUSE = 0.1  # s between two tries
CHUNK = 65536
WHOLE = 1 << 13  # bytes; what is no longer, the daemon reads at once or not at all
LONGEST = 1 << 22  # bytes of a reply; the longest answer of a model is a quarter of that
LOCK = "p42.lock"  # beside the socket: a daemon holds it from before it listens to its very end

STOPPED = "p42 is not running; start it with: p42 start"
AWAY = "p42 went away while it was thinking; ask again"
UNHEARD = f"p42 did not take the question within {DEADLINE:.0f} s; see: p42 status"
SILENT = f"no answer from the model within {DEADLINE:.0f} s"
STOPPING = "p42 is stopping"  # what a daemon that ends says to who still waits for an answer
BROKEN = "what p42 answered cannot be read; ask again, and see: p42 logs daemon"

Answer = Callable[[str, str], None]  # (text, "") or ("", error)


class Question:
    """One chat message on its way to the daemon and back. Calls `answer` exactly once."""

    def __init__(
        self, reactor: Reactor, path: str, payload: dict[str, object], *, answer: Answer
    ) -> None:
        self._reactor, self._path, self._answer = reactor, Path(path), answer
        request = {"type": "answer", "id": "chat", "payload": payload}
        self._request = json.dumps(request).encode() + b"\n"
        self._unsent = self._request
        self._buffer = bytearray()
        self._sock: socket.socket | None = None
        self._open = True
        self._sign = time.monotonic()  # when there last was a sign of a daemon
        self._next: Timer | None = None  # of the next try
        self._timer = reactor.after(
            DEADLINE, lambda: self._end("", UNHEARD if self._sock is None else SILENT)
        )
        self._try()

    def _try(self) -> None:
        """Connect and begin to ask. Nobody there: again in a moment, while there is hope."""
        try:
            self._sock = _dialled(self._path)
        except (FileNotFoundError, ConnectionRefusedError):
            if _is_held(self._path.with_name(LOCK)):
                self._sign = time.monotonic()
        except OSError:  # its queue is full, or we have no descriptor left: that passes
            self._sign = time.monotonic()
        if self._sock is None:
            self._wait()
            return
        self._sign, self._unsent = time.monotonic(), self._request
        self._reactor.both(self._sock.fileno(), self._send)

    def _wait(self) -> None:
        if time.monotonic() - self._sign >= PATIENCE:
            self._end("", STOPPED)
        else:
            self._next = self._reactor.after(PAUSE, self._try)

    def _send(self) -> None:
        assert self._sock is not None  # noqa: S101 - it is what we were called for
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            pass  # what it said before it went is still to be read
        else:
            if self._unsent:
                return
        self._reactor.readable(self._sock.fileno(), self._hear)

    def _hear(self) -> None:
        assert self._sock is not None  # noqa: S101 - as above
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._lost(reset=True)
            return
        self._buffer += data
        if b"\n" in data:
            self._end(*_read(bytes(self._buffer.partition(b"\n")[0])))
        elif not data:
            self._lost(reset=False)
        elif len(self._buffer) > LONGEST:
            self._end("", BROKEN)

    def _lost(self, *, reset: bool) -> None:
        """The daemon went. It acts on a whole question alone, with or without its last newline."""
        partly = len(self._unsent) > 1
        unread = reset and len(self._request) <= WHOLE
        if self._buffer or not (partly or unread):
            self._end("", AWAY)
        else:
            self._hang_up()
            self._wait()

    def _hang_up(self) -> None:
        if self._sock is not None:
            self._reactor.forget(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def _end(self, text: str, error: str) -> None:
        if not self._open:
            return
        self._open = False
        self._timer.cancel()
        if self._next is not None:
            self._next.cancel()
        self._hang_up()
        self._answer(text, error)


def _dialled(path: Path) -> socket.socket:
    """A connection to who listens at `path`. OSError: there is none to be had now."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        with address(path) as where:
            sock.connect(where)
    except OSError:
        sock.close()
        raise
    return sock


def _is_held(lock: Path) -> bool:
    """Whether a daemon has the home. A look takes nothing from who is about to take it."""
    try:
        number = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(number)
    return False


def _read(line: bytes) -> tuple[str, str]:
    """Text and error of a reply, one of them empty unless the text is."""
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        return "", BROKEN
    if not isinstance(reply, dict):
        return "", BROKEN
    if not reply.get("success"):
        why = str(reply.get("error") or "p42 gave no reason")
        return "", AWAY if why == STOPPING else why
    found = reply.get("data")
    text = found.get("text") if isinstance(found, dict) else None
    return (text, "") if isinstance(text, str) else ("", BROKEN)
