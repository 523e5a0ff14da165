"""Frames: what travels between daemon and keeper. Sans-I/O: bytes in, messages out.

A frame is a 4-byte big-endian length and so many bytes of one JSON object. Descriptors ride along
with the stream (SCM_RIGHTS); a frame that brings some says how many in `fds`, in order.

Guarantees: any chunking of the bytes gives the same messages. A frame over LIMIT is a violation
and ends the connection; so does anything that is not a JSON object.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

VERSION = 1  # grows by adding; a keeper answers every message of an older daemon
LIMIT = 16 * 2**20  # bytes; the table of 10,000 units is about 4 MiB, a manifest 1 MiB escaped 6
_HEAD = struct.Struct(">I")

Message = dict[str, Any]


class Violation(Exception):
    """The peer sent what no version of the protocol sends."""


def encode(message: Message) -> bytes:
    """One message as a frame."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > LIMIT:
        raise Violation(f"a frame of {len(body)} bytes is over {LIMIT}")
    return _HEAD.pack(len(body)) + body


class Decoder:
    """Collects bytes, gives whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Every message completed by `data`, in order. Raises Violation."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._buffer)
            if length > LIMIT:
                raise Violation(f"a frame of {length} bytes is over {LIMIT}")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield _message(body)


def _message(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise Violation("a frame is not JSON") from error
    if not isinstance(message, dict):
        raise Violation("a frame is not an object")
    return message
