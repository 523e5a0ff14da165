"""The Tekton protocol of project sockets: newline-delimited JSON, without I/O. Stdlib only.

The first line decides: a web page can post to a raw port, so a connection that opens with HTTP, TLS
or anything else that is not JSON is ended and nothing behind it is read. Later bad lines are
answered and the connection goes on, as in the original. Valid JSON that is no object drops it.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

MAX_LINE = 1 << 20  # bytes; CONTRACT "Wires"
READ = 4096  # bytes; the originals' message handler and projects chat read once, and so much
CUT = " [cut here; `p42 chat` shows it whole]"
OVERLONG = f"A line is longer than {MAX_LINE} bytes"
_HTTP = re.compile(rb"[A-Z]{3,32} |PRI \*")
_TLS = 0x16
_OBJECT = ord("{")
_BLANK = re.compile(rb"[ \t\r\n]*")

Ends = Literal["", "silently", "after"]


@dataclass(frozen=True, slots=True)
class Said:
    """One line of a client. `type` as given, "" without one; `text` is `content` or `message`."""

    type: str
    text: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is none. `ends` tells whether and how the connection ends."""

    ends: Ends
    error: str = "Invalid JSON"


class Lines:
    """Bytes to lines, each taken apart when it is asked for. One per connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._first = True
        self._dead = False
        self.unread = False  # bytes are here that `pull` has not looked at

    @property
    def held(self) -> int:
        """Bytes that are kept: what is unread, and an unfinished line."""
        return len(self._buffer)

    @property
    def partial(self) -> bool:
        """Whether a line has begun and not ended. As of the last `pull`, if nothing is unread."""
        return bool(self._buffer)

    def push(self, data: bytes) -> None:
        """Take bytes; none after a Bad that ends."""
        if data and not self._dead:
            self._buffer += data
            self.unread = True

    def longer(self, data: bytes) -> bool:
        """Take a few bytes that make an unfinished line of JSON longer, and no more than that;
        False: they have to be pushed. Cheap: slow senders by the hundred do nothing else."""
        held = len(self._buffer)
        if not held or self.unread or self._searched != held or self._buffer[0] != _OBJECT:
            return False
        if b"\n" in data or held + len(data) > MAX_LINE:
            return False
        self._buffer += data
        self._searched = len(self._buffer)
        return True

    def pull(self) -> Said | Bad | None:
        """The next line; None: more bytes have to come first."""
        if not self.unread or (not self._searched and not self._begin()):
            return None
        if self._first and self._foreign():
            return self._ended(Bad("silently"))
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched, self.unread = len(self._buffer), False
            if len(self._buffer) <= MAX_LINE:
                return None
            return self._ended(Bad("after", OVERLONG))
        if end > MAX_LINE:
            return self._ended(Bad("after", OVERLONG))
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        self._begin()
        found = self._read(line)
        return self._ended(found) if isinstance(found, Bad) and found.ends else found

    def _begin(self) -> bool:
        """Cut blanks, in one go; whether anything is left. Thousands of empty lines are nothing."""
        blank = _BLANK.match(self._buffer)
        if blank is not None:
            del self._buffer[: blank.end()]
        self.unread = bool(self._buffer)
        return self.unread

    def _ended(self, bad: Bad) -> Bad:
        """Nothing is read any more."""
        self._dead, self.unread = True, False
        self._buffer.clear()
        return bad

    def _foreign(self) -> bool:
        return self._buffer[0] == _TLS or _HTTP.match(self._buffer) is not None

    def _read(self, line: bytes) -> Said | Bad:
        first, self._first = self._first, False
        try:
            body = json.loads(line)
        except (ValueError, RecursionError):
            return Bad("after" if first else "")
        if not isinstance(body, dict):
            return Bad("silently")
        kind, text = body.get("type", ""), body.get("content", body.get("message", ""))
        return Said(
            kind if isinstance(kind, str) else "", text if isinstance(text, str) else "", body
        )


def line(body: Mapping[str, Any]) -> bytes:
    """One reply line."""
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"


def fitted(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """`body` as an original client can read it: the text at `key` cut so that its line is < READ.

    Half a line is no JSON to a client that reads once; a text that says it was cut is an answer.
    """
    if len(line(body)) < READ:
        return body
    text = str(body[key])

    def is_too_long(count: int) -> bool:
        return len(line({**body, key: text[:count] + CUT})) >= READ

    fits = bisect.bisect_left(range(len(text)), True, key=is_too_long) - 1
    return {**body, key: text[: max(fits, 0)] + CUT}


def ci_name(slug: str) -> str:
    """The name the originals know a companion by: `numa-ai`, else `project-SLUG-ai`."""
    return "numa-ai" if slug == "numa" else f"project-{slug}-ai"
