"""Outcome: from what a pass came to, to the status, its class and when to come back.

plan            its own status; `again` seconds, or on events only
Retry           time mends it: back-off, or the seconds it asks for
Blocked         the user mends it: no back-off loop; the next look is an event's or the resync's
anything else   a bug of ours: InternalError, back-off, FAILED after three tries
"""

from __future__ import annotations

from p42.model.errors import Blocked, Retry
from p42.model.reasons import REASONS, Mend, mend_of
from p42.model.refs import Ref
from p42.model.status import Status

BUG_TRIES = 3  # CONTRACT: InternalError is a failure after so many; before, it may pass


def status_of(error: Exception, ref: Ref) -> Status:
    """The status that an error leaves behind."""
    match error:
        case Retry() if error.reason in REASONS:
            return Status("False", error.reason, message=str(error))
        case Blocked() if error.reason in REASONS:
            return Status("False", error.reason, message=str(error), template=error.template)
        case _:
            # The text of a foreign error may hold anything, a key included: its class only.
            what = type(error).__name__
            message = f"a bug in p42 ({what} at {ref}); `p42 logs daemon` has the traceback"
            return Status("False", "InternalError", message=message)


def checked(status: Status, *, in_sync: bool) -> Status:
    """`status`, if it keeps the laws: a reason of the table, and ready only with an empty plan.

    Raises ValueError otherwise: a bug of the kind.
    """
    if status.reason not in REASONS:
        raise ValueError(f"{status.reason!r} is not a reason of the table")
    if status.ready == "True" and not in_sync:
        raise ValueError("a plan with steps or work in flight says ready")
    return status


def mend_after(status: Status, attempts: int) -> Mend:
    """Who mends it. `attempts` counts failures in a row. Waiting has its root's, not from here."""
    if status.reason == "InternalError" and attempts < BUG_TRIES:
        return Mend.TIME
    return mend_of(status.reason)
