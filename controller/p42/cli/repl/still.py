"""Still: a terminal that does not show what is typed while an answer is drawn on it.

What is echoed, if only the ^C of an interrupt, moves the drawing by a line that Rich does not know
of: it is then erased a line too few, and a part of the answer stands there twice.
"""

from __future__ import annotations

import os
import termios
from typing import IO, Any

LOCAL = 3  # of what tcgetattr gives: the flags that ECHO is among


class Still:
    """`hush` and `restore`, in turn. Does nothing to what is no terminal, or another job's."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._before: list[Any] | None = None

    def hush(self) -> None:
        """Show nothing of what is typed; it is read later."""
        number = self._number()
        if number is None or self._before is not None:
            return
        before = termios.tcgetattr(number)
        hushed = [*before]
        hushed[LOCAL] &= ~termios.ECHO
        self._before = before
        termios.tcsetattr(number, termios.TCSANOW, hushed)

    def restore(self) -> None:
        """As it was before."""
        before, self._before = self._before, None
        number = self._number()
        if before is not None and number is not None:
            termios.tcsetattr(number, termios.TCSANOW, before)

    def _number(self) -> int | None:
        """The terminal's, None where there is none that we may set.

        A job in the background that sets one is stopped by the kernel.
        """
        try:
            number = self._stream.fileno()
            termios.tcgetattr(number)
        except (OSError, ValueError, termios.error):
            return None
        try:
            return number if os.tcgetpgrp(number) == os.getpgrp() else None
        except OSError:  # nobody's job: it is not the terminal that controls us
            return number
