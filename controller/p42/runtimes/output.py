"""Output: what a child writes into one pipe, kept up to a limit, read on so it never blocks."""

from __future__ import annotations

import asyncio
import os
from typing import IO

LIMIT = 1024 * 1024  # bytes kept; the rest is read and dropped
_CHUNK = 64 * 1024  # bytes; the size of a pipe on Linux


class Output:
    """Reads `pipe` in the loop from now until `close`. The descriptor is ours from then on."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = bytearray()
        self._open = True
        self._loop = asyncio.get_running_loop()
        os.set_blocking(pipe.fileno(), False)
        self._loop.add_reader(pipe.fileno(), self._read)

    def rest(self) -> bytes:
        """What was written until now, cut at the limit. Reads what is in the pipe, waits for none.

        Bounded: a grandchild that outlived its group may still be writing.
        """
        for _ in range(2 * LIMIT // _CHUNK):
            if not self._open or not self._read():
                break
        return bytes(self._kept)

    def close(self) -> None:
        """Stop reading and give the descriptor back."""
        self._stop()
        self._pipe.close()

    def _read(self) -> bool:
        """Read once; whether there was something."""
        try:
            chunk = os.read(self._pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._stop()
            return False
        self._kept += chunk[: LIMIT - len(self._kept)]
        return True

    def _stop(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._pipe.fileno())
