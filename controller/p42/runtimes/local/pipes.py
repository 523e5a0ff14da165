"""LocalPipes: input, output and errors of a child that the keeper starts and we talk to."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from typing import IO

from p42.model.faults import fault
from p42.runtimes.output import Output

LONGEST = 200  # characters of a line that are shown


class LocalPipes:
    """Three pipes, until `close`. Ours end the child's input when they go."""

    def __init__(self, first: bytes) -> None:
        """`first` waits for the child on its standard input; far smaller than a pipe (64 KiB).

        In a running loop. Raises Retry when no descriptor is left.
        """
        with ExitStack() as made:
            try:
                child_in, own_in = _pipe(made)
                self._output, child_out = _pipe(made)
                errors, child_err = _pipe(made)
            except OSError as error:
                raise fault(error, "a pipe to a child") from error
            self._theirs = (child_in, child_out, child_err)
            os.write(own_in.fileno(), first)
            self._errors = Output(errors)
            made.callback(self._errors.close)
            self._files = made.pop_all()

    @property
    def theirs(self) -> tuple[int, ...]:
        """The child's ends, to be sent: 0, 1, 2. Until `lent`."""
        return tuple(file.fileno() for file in self._theirs)

    def lent(self) -> None:
        """The keeper has duplicates: with ours closed, the end of the child is an end of file."""
        for file in self._theirs:
            file.close()

    async def line(self) -> bytes:
        """The first line of the child's output; empty if it ended before. Once."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._output
        )
        try:
            return await reader.readline()
        finally:
            transport.close()  # a server says nothing more, and would learn it by EPIPE

    def errors(self) -> list[str]:
        """The lines of its errors until now, without empty ones."""
        text = self._errors.rest().decode("utf-8", "replace")
        return [line.strip()[:LONGEST] for line in text.splitlines() if line.strip()]

    def close(self) -> None:
        """Give every descriptor back."""
        self._files.close()


def _pipe(made: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """Reading and writing end, both closed with `made`; closing one twice has no effect."""
    reading, writing = os.pipe()
    return (
        made.enter_context(os.fdopen(reading, "rb", buffering=0)),
        made.enter_context(os.fdopen(writing, "wb", buffering=0)),
    )
