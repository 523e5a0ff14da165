"""Exits: how a command ends. Every way out of p42 has a code and a sentence, never a traceback.

P42Error              its sentence, its code (CONTRACT.md, "Exit codes")
OSError               what and where, 1
a reader gone         nothing, 141: what a shell gives a program ended by SIGPIPE
Ctrl-C                nothing, 130
a bug                 one line, 1; `P42_DEBUG=1` shows the traceback
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from p42.model.errors import P42Error

INTERRUPTED = 130  # 128 + SIGINT, as shells count
BROKEN_PIPE = 141  # 128 + SIGPIPE


def guarded(do: Callable[[], int]) -> int:
    """The code `do` returns, or the one its error has; the error is told on stderr."""
    try:
        code = do()
        sys.stdout.flush()
    except BrokenPipeError:
        _close_the_pipe()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except _known() as error:
        return tell(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}", code=1)
    return code


def tell(error: P42Error) -> int:
    """Print `error`, its findings first (unless its text has them); return its code."""
    text = str(error)
    for finding in getattr(error, "diagnostics", ()):
        if finding.as_text() not in text:
            print(finding.as_text(), file=sys.stderr)
    return _say(text, code=error.code)


def bug(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
    """For `sys.excepthook`: what reaches it is a mistake in p42."""
    if os.environ.get("P42_DEBUG"):
        sys.__excepthook__(kind, value, trace)
        return
    _say(
        f"{kind.__name__}: {value}\n"
        "  This is a bug in p42. `P42_DEBUG=1` shows where; please report it.",
        code=1,
    )


def _known() -> type[P42Error]:
    # Called only when an error is on its way out: the tree is not imported before that.
    from p42.model.errors import P42Error

    return P42Error


def _say(text: str, *, code: int) -> int:
    try:
        sys.stdout.flush()  # what was printed before stands before
        print(f"p42: {text}", file=sys.stderr)
    except BrokenPipeError:
        _close_the_pipe()
    return code


def _close_the_pipe() -> None:
    # Else the interpreter flushes once more at its end and complains on stderr.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
