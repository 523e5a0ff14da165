"""The Port 42 protocol as bytes and values, without I/O: requests in, reply lines out.

A request is one JSON object, wherever it ends: with or without a newline, pretty-printed or not,
several in one packet or one in many. The end is found by counting brackets outside of strings.

Guarantees: any chunking of the same bytes gives the same messages (tests/wire); every byte is
looked at once, also when a frame of 1 MiB arrives byte by byte; a byte that no JSON may have at
its place ends the frame at once, so that nothing waits for a bracket that cannot come; after a
Violation nothing is read any more: a body behind bad lines is never executed (a web page can post
to a raw port; reference/reliability.md, finding 3).

Prior art: Go's streaming `json.Decoder` of the original, whose replies (compact, raw UTF-8,
`<` `>` `&` escaped) clients compare byte by byte; h11's split of framing from sockets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import orjson

MAX_FRAME = 1 << 20  # bytes; CONTRACT "Wires"
MAX_DEPTH = 64  # as deep as a manifest may be; no request of ours passes 6
LONGEST_METHOD = 32  # bytes; the longest of IANA's registry is UPDATEREDIRECTREF with 17

_BLANK = re.compile(rb"[ \t\r\n]*")
_METHOD = re.compile(rb"[A-Z][A-Z-]*")
# What ends a run of numbers, literals, blanks, commas and colons: a bracket, a string, or a byte
# that JSON cannot have there.
_OUTSIDE = re.compile(rb"[^ \t\r\n,:0-9eE+\-.truefalsn]")
# What ends a run of string bytes: the quote, an escape, or a control byte (a raw newline).
_INSIDE = re.compile(rb'["\\\x00-\x1f]')
_STOPS = bytes(range(0x20)) + b'"\\'  # the same bytes
STEPS = 1 << 9  # brackets, quotes and escapes judged at once: half a millisecond
_WINDOW = 1 << 11  # bytes; a string that long is looked at ten times faster than by the pattern
_GO_ESCAPES = re.compile(rb"[<>&]|\xe2\x80[\xa8\xa9]")


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Keys of the outer object are matched in any case, as Go does.

    `payload` is None when it is absent or null; `given` tells the two apart. `token` is "" when it
    is absent or no text; no repr shows it.
    """

    type: str
    id: str
    payload: Any = None
    given: bool = False
    stream: bool = False
    token: str = field(default="", repr=False)


class Violation(Enum):
    """Why a connection ends. Nothing after it is read."""

    FOREIGN = "HTTP or TLS: closed without an answer"
    UNPARSABLE = "Invalid JSON request"
    OVERSIZE = "Request is larger than 1 MiB"
    CROWDED = "Too many requests are half sent at once; send it again"


Message = Request | Violation


class Framer:
    """Bytes to messages, each taken apart when it is asked for. One per connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()  # begins at the current frame, blanks before it cut off
        self._seen = 0  # bytes of the current frame already judged
        self._depth = 0
        self._quoted = False
        self._first = True  # no frame has begun yet: HTTP and TLS are still possible
        self._dead = False
        self._tired = False  # the last scan ended before the bytes did
        self.unread = False  # bytes are here that `pull` has not looked at

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended. As of the last `pull`, if nothing is unread."""
        return bool(self._buffer)

    @property
    def held(self) -> int:
        """Bytes that are kept: what is unread, and an unfinished frame."""
        return len(self._buffer)

    def push(self, data: bytes | memoryview) -> None:
        """Take bytes; none after a Violation or the end."""
        if data and not self._dead:
            self._buffer += data
            self.unread = True

    def longer(self, data: bytes | memoryview) -> bool:
        """Take a few bytes that make the string of an unfinished frame longer, and no more than
        that; False: they have to be pushed. Cheap: thousands of slow senders do nothing else."""
        held = len(self._buffer)
        if not (held and self._quoted and self._seen == held) or self.unread:
            return False
        if held + len(data) > MAX_FRAME or _INSIDE.search(data):
            return False
        self._buffer += data
        self._seen = len(self._buffer)
        return True

    def pull(self) -> Message | None:
        """The next message; None: more bytes have to come first, or, if some are still unread,
        it has to be called again (so much is looked at in one go). After a Violation None."""
        if not self.unread:
            return None
        message = self._next()
        if isinstance(message, Violation):
            self._die()
        else:  # blanks behind a frame are no beginning of another
            self.unread = self._tired if message is None else self._begin()
        return message

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes, in order; at most one Violation, the last."""
        self.push(data)
        found = []
        while self.unread:
            if (message := self.pull()) is not None:
                found.append(message)
        return found

    def end(self) -> Violation | None:
        """The other side will send no more: half a frame is a violation."""
        half = self.partial
        self._die()
        return Violation.UNPARSABLE if half else None

    def _die(self) -> None:
        self._dead, self.unread = True, False
        self._buffer.clear()

    def _next(self) -> Message | None:
        if not self._seen and not self._begin():
            return None
        if not self._seen and (opening := self._opening()) != "frame":
            return opening
        end = self._scan()
        if isinstance(end, int):
            frame = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._seen = 0
            return read_request(frame)
        if end is None and not self._tired and len(self._buffer) > MAX_FRAME:
            return Violation.OVERSIZE
        return end

    def _begin(self) -> bool:
        """Cut blanks; whether anything is left."""
        blank = _BLANK.match(self._buffer)
        if blank is not None and blank.end():
            del self._buffer[: blank.end()]
        return bool(self._buffer)

    def _opening(self) -> Violation | Literal["frame"] | None:
        """What the first byte of a frame promises; None = too early to tell HTTP from nonsense."""
        if self._buffer[0] == ord("{"):
            self._first = False
            return "frame"
        if not self._first:
            return Violation.UNPARSABLE
        if self._buffer[0] == 0x16:  # a TLS handshake record (RFC 8446, 5.1)
            return Violation.FOREIGN
        method = _METHOD.match(self._buffer, 0, LONGEST_METHOD)
        if method is None or method.end() == LONGEST_METHOD:
            return Violation.UNPARSABLE
        if method.end() == len(self._buffer):
            return None
        foreign = self._buffer[method.end()] == ord(" ")
        return Violation.FOREIGN if foreign else Violation.UNPARSABLE

    def _scan(self) -> int | Violation | None:
        """The end of the frame, None while it is open; goes on where it stopped."""
        limit = min(len(self._buffer), MAX_FRAME)
        self._tired = False
        for _ in range(STEPS):
            if self._seen >= limit:
                return None
            if self._quoted:
                self._seen = self._plain(limit)
            found = (_INSIDE if self._quoted else _OUTSIDE).search(self._buffer, self._seen, limit)
            if found is None:
                self._seen = limit
                return None
            at, byte = found.start(), found.group()
            if byte == b"\\":
                if at + 1 == limit:  # the escaped byte is not here yet: judge the pair later
                    self._seen = at
                    return None
                self._seen = at + 2
                continue
            self._seen = at + 1
            if not self._step(byte):
                return Violation.UNPARSABLE
            if not self._depth:
                return self._seen
        self._tired = self._seen < limit
        return None

    def _plain(self, limit: int) -> int:
        """How far a long string goes on without a byte to judge, in whole windows."""
        seen = self._seen
        while limit - seen >= _WINDOW:
            window = self._buffer[seen : seen + _WINDOW]
            if len(window.translate(None, _STOPS)) != _WINDOW:
                break
            seen += _WINDOW
        return seen

    def _step(self, byte: bytes) -> bool:
        """Take one quote or bracket; False = a byte JSON cannot have here."""
        if byte == b'"':
            self._quoted = not self._quoted
        elif self._quoted:
            return False
        elif byte in b"{[":
            self._depth += 1
        elif byte in b"}]":
            self._depth -= 1
        else:
            return False
        return self._depth <= MAX_DEPTH


def read_request(frame: bytes) -> Message:
    """One whole frame to a Request; UNPARSABLE if it is no object or a key has a wrong type."""
    try:
        body = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return Violation.UNPARSABLE
    if not isinstance(body, dict):
        return Violation.UNPARSABLE
    fields = {key.lower(): value for key, value in body.items()}
    kind, name, stream = fields.get("type"), fields.get("id"), fields.get("stream")
    if not isinstance(kind, str | None) or not isinstance(name, str | None):
        return Violation.UNPARSABLE
    if not isinstance(stream, bool | None):
        return Violation.UNPARSABLE
    token = fields.get("token")
    return Request(
        type=kind or "", id=name or "", payload=fields.get("payload"),
        given="payload" in fields, stream=bool(stream),
        token=token if isinstance(token, str) else "",
    )  # fmt: skip


def success(name: str, data: Any = None) -> bytes:
    """The reply line of a request that succeeded. `data` None is left out, as Go's omitempty."""
    return encode({"id": name, "success": True} | ({} if data is None else {"data": data}))


def failure(name: str, error: str, further: Mapping[str, Any] | None = None) -> bytes:
    """The reply line of one that did not. `further` holds p42's own keys: code, diagnostics."""
    return encode({"id": name, "success": False, "error": error, **(further or {})})


def part(name: str, value: Any) -> bytes:
    """One line of a streaming reply; the usual reply comes last."""
    return encode({"id": name, "stream": value})


def complaint(violation: Violation) -> bytes:
    """What is said before the connection is closed; nothing to a foreign protocol."""
    return b"" if violation is Violation.FOREIGN else failure("error", violation.value)


def encode(body: Mapping[str, Any]) -> bytes:
    """One compact line, keys in the order given, escaped as Go's encoder does."""
    try:
        line = orjson.dumps(body)
    except orjson.JSONEncodeError:  # a lone surrogate (an odd file name) or an integer over 64 bits
        line = json.dumps(body, separators=(",", ":")).encode()
    return _GO_ESCAPES.sub(_escape, line) + b"\n"


def _escape(found: re.Match[bytes]) -> bytes:
    return f"\\u{ord(found.group().decode()):04x}".encode()
