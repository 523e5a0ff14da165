"""Broker: how a companion asks the daemon for a completion. It has a token of its own, no keys."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

from p42.keeper.address import address
from p42.keeper.reactor import Reactor

DEADLINE = 19.0  # s; clients of the originals give up after 20
CHUNK = 65536

Answer = Callable[[str, str], None]  # (text, "") or ("", error)


class Question:
    """One chat message on its way to the daemon and back. Calls `answer` exactly once."""

    def __init__(
        self, reactor: Reactor, path: str, payload: dict[str, object], *, answer: Answer
    ) -> None:
        self._reactor, self._answer = reactor, answer
        self._buffer = b""
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._open = True
        self._timer = reactor.after(
            DEADLINE, lambda: self._end("", f"no answer from the model within {DEADLINE:.0f} s")
        )
        request = {"type": "answer", "id": "chat", "payload": payload}
        self._out = json.dumps(request).encode() + b"\n"
        try:
            with address(Path(path)) as where:
                self._sock.connect(where)
        except OSError:
            reactor.after(
                0.0, lambda: self._end("", "p42 is not running; start it with: p42 start")
            )
            return
        reactor.both(self._sock.fileno(), self._move)

    def _move(self) -> None:
        try:
            if self._out:
                self._out = self._out[self._sock.send(self._out) :]
                if not self._out:
                    self._reactor.readable(self._sock.fileno(), self._move)
                return
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._buffer += data
        if self._buffer.endswith(b"\n"):
            self._read()
        elif not data:
            self._end("", "p42 went away while it was thinking; ask again")

    def _read(self) -> None:
        reply = json.loads(self._buffer)
        if reply.get("success"):
            self._end(str(reply.get("data", {}).get("text", "")), "")
        else:
            self._end("", str(reply.get("error", "p42 gave no reason")))

    def _end(self, text: str, error: str) -> None:
        if not self._open:
            return
        self._open = False
        self._timer.cancel()
        self._reactor.forget(self._sock.fileno())
        self._sock.close()
        self._answer(text, error)
