"""The error tree: the class says who can mend it.

    P42Error                 known to us; has a sentence for the user and an exit code
    +-- Retry                time mends it: tried again after a while
    +-- Blocked              the user mends it: not tried again until an input changes
    |   +-- Refused          by a vendor: the request is wrong, its model as a rule
    |       +-- TooLong      it is more than the model takes at once
    +-- InvalidInput         3: manifests, configuration, argument values
    +-- NoDaemon             5
    +-- TimedOut             4

Anything else that reaches the engine is a bug in p42: traceback to the log, `InternalError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from p42.model.diagnostic import Diagnostic


class Exit:
    """The exit codes of CONTRACT.md."""

    OK = 0
    FAILED = 1
    DIFFERS = 2
    INVALID = 3
    TIMEOUT = 4
    NO_DAEMON = 5
    USAGE = 64


class P42Error(Exception):
    """Base of what p42 raises on purpose. `str(error)` is one sentence with place and remedy."""

    code: ClassVar[int] = Exit.FAILED


class Retry(P42Error):
    """Passes by itself. `after` in seconds; None = the engine's own back-off."""

    def __init__(self, message: str, *, after: float | None = None, reason: str = "Retry") -> None:
        super().__init__(message)
        self.after = after
        self.reason = reason


class Blocked(P42Error):
    """Only the user can mend it. `template` is the message without live facts, for the file."""

    def __init__(self, message: str, *, reason: str = "Blocked", template: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.template = template


class Refused(Blocked):
    """By a vendor that takes the request itself for wrong: its model, as a rule."""


class TooLong(Refused):
    """The request is more than its model takes at once."""


class InvalidInput(P42Error):
    """What was given cannot be right, wherever it runs."""

    code = Exit.INVALID

    def __init__(self, message: str, *, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class NoDaemon(P42Error):
    """No daemon runs and none could be started."""

    code = Exit.NO_DAEMON


class BrokenOff(P42Error):
    """The daemon went away before it answered."""


class TimedOut(P42Error):
    """`--timeout` ran out."""

    code = Exit.TIMEOUT
