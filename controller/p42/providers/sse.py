"""Sse: server-sent events, bytes in, events out, without I/O (HTML standard, 9.2.6).

For streams that are read along while they pass; those that are answered are read by their SDK.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST = 8 << 20  # bytes of one event; a whole answer of 128k tokens is 1 MiB


@dataclass(frozen=True, slots=True)
class Event:
    """`name` "" = none was given; `data` is the joined data lines."""

    name: str
    data: str


class TooLong(ValueError):
    """An event that does not end."""


class Events:
    """One stream. Any chunking of the same bytes gives the same events."""

    def __init__(self) -> None:
        self._rest = bytearray()  # an unfinished line
        self._after_cr = False  # the line end may be CR LF, cut between two chunks
        self._name = ""
        self._data: list[str] = []
        self._size = 0  # bytes of this event so far

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes. Raises TooLong; feed nothing after it."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        if data:
            self._after_cr = data.endswith(b"\r")
        self._rest += data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = bytes(self._rest).split(b"\n") if b"\n" in data or b"\r" in data else [b""]
        if not lines:
            return self._bounded([])
        self._rest = bytearray(rest)
        found = [event for line in lines if (event := self._line(line)) is not None]
        return self._bounded(found)

    def _bounded(self, found: list[Event]) -> list[Event]:
        if self._size + len(self._rest) > MOST:
            raise TooLong(f"an event is longer than {MOST} bytes")
        return found

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._end()
        self._size += len(line)
        field, _, value = line.decode("utf-8", errors="replace").partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        return None

    def _end(self) -> Event | None:
        event = Event(self._name, "\n".join(self._data)) if self._data else None
        self._name, self._data, self._size = "", [], 0
        return event
