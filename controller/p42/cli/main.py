"""Main: the entry point. Plain questions take the fast door, everything else goes through typer."""

from __future__ import annotations

import os
import sys

from p42.cli import exits, fast

TYPE_CHECKING = False  # typing itself costs more than this file
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main() -> NoReturn:
    """What the `p42` script calls."""
    _fill_the_gaps()
    sys.excepthook = exits.bug
    # A file name that is no UTF-8 is shown escaped (JSON asks for that), never an error.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(run(sys.argv[1:]))


def _fill_the_gaps() -> None:
    """Let a standard stream that the caller closed lead nowhere.

    Else the next file opened gets its number, and with it what is printed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def run(argv: Sequence[str]) -> int:
    """Do what `argv` (without the program's name) asks; the exit code of CONTRACT.md."""
    return exits.guarded(lambda: _dispatch(argv))


def _dispatch(argv: Sequence[str]) -> int:
    code = fast.door(argv)
    if code is not None:
        return code
    from p42.cli import app

    return app.run(argv)
