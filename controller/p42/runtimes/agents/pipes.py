"""AgentPipes: input, output and errors of a program that is an agent.

Output is read when it is asked for and not before: a program that floods waits in its own pipe. Of
its errors the last are kept. What is in a pipe when the program ends is still read; a grandchild
that keeps it open is not waited for.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from typing import IO

from p42.model.faults import fault
from p42.runtimes.processes import given

CHUNK = 64 << 10  # bytes read at once; the size of a pipe on Linux
KEPT = 8 << 10  # bytes of errors: a traceback's end
LAST = 0.5  # s in which what a program wrote before its end is read


class AgentPipes:
    """Three pipes, until `close`. In a running loop."""

    def __init__(self, stdin: bytes | None) -> None:
        """`stdin` is all the program ever reads; None = a pipe that `write` writes into.

        Raises Retry when no descriptor is left.
        """
        with ExitStack() as made, ExitStack() as lent:
            try:
                self._input = None
                if stdin is None:
                    child_in, self._input = _pipe(made, lent, ours=1)
                else:
                    child_in = lent.enter_context(given(stdin))
                child_out, self._output = _pipe(made, lent, ours=0)
                child_err, errors = _pipe(made, lent, ours=0)
            except OSError as error:
                raise fault(error, "a pipe to an agent's program") from error
            self.theirs = (child_in, child_out, child_err)  # to be sent: 0, 1, 2. Until `lent`
            self._errors = _Tail(errors)
            made.callback(self._errors.stop)
            self._ours, self._lent = made.pop_all(), lent.pop_all()
        self._reader = asyncio.StreamReader(limit=CHUNK)
        self._reading: asyncio.ReadTransport | None = None
        self._writer: asyncio.StreamWriter | None = None

    def lent(self) -> None:
        """The keeper has duplicates: with ours closed, the program's end is an end of file."""
        self._lent.close()

    async def open(self) -> None:
        """Listen, and be able to write."""
        loop = asyncio.get_running_loop()
        self._reading, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader), self._output
        )
        if self._input is not None:
            transport, protocol = await loop.connect_write_pipe(
                asyncio.streams.FlowControlMixin, self._input
            )
            self._writer = asyncio.StreamWriter(transport, protocol, None, loop)

    async def read(self) -> bytes:
        """Some more of the output; empty at its end."""
        return await self._reader.read(CHUNK)

    async def write(self, data: bytes) -> bool:
        """Write all of it; False if nobody reads any more."""
        if self._writer is None:
            return False
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            return False
        return True

    def ended(self) -> None:
        """The program is over: the output ends a moment later, whoever still holds it."""
        if self._reading is not None:
            asyncio.get_running_loop().call_later(LAST, self._reading.close)

    def errors(self) -> str:
        """The last of its errors since they were forgotten."""
        return self._errors.text()

    def forget_errors(self) -> None:
        """What has come of them by now is told no more."""
        self._errors.forget()

    def close(self) -> None:
        """Give every descriptor back."""
        for transport in (self._reading, self._writer.transport if self._writer else None):
            if transport is not None:
                transport.close()
        self._lent.close()
        self._ours.close()


class _Tail:
    """The last of what is written into a pipe, read in the loop as it comes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._kept, self._open = pipe, b"", True
        self._loop = asyncio.get_running_loop()
        os.set_blocking(pipe.fileno(), False)
        self._loop.add_reader(pipe.fileno(), self._read)

    def text(self) -> str:
        while self._open and self._read():
            if len(self._kept) >= KEPT:  # a grandchild may be writing for ever
                break
        return self._kept.decode("utf-8", "replace")

    def forget(self) -> None:
        self.text()
        self._kept = b""

    def stop(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._pipe.fileno())

    def _read(self) -> bool:
        try:
            chunk = os.read(self._pipe.fileno(), CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self.stop()
            return False
        self._kept = (self._kept + chunk)[-KEPT:]
        return True


def _pipe(made: ExitStack, lent: ExitStack, *, ours: int) -> tuple[int, IO[bytes]]:
    """The child's end, closed with `lent`, and ours, closed with `made`; `ours`: 0 read, 1 write.

    Closing ours twice has no effect: the loop's transports close it too.
    """
    ends = os.pipe()
    lent.callback(os.close, ends[1 - ours])
    mode = "wb" if ours else "rb"
    return ends[1 - ours], made.enter_context(os.fdopen(ends[ours], mode, buffering=0))
