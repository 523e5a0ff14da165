"""Reason: why a thing is or is not ready, and who can mend it. The table behind docs/reasons.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mend(StrEnum):
    """Who or what ends the state; decides the exit code of `apply` and `wait`."""

    READY = "ready"  # 0: nothing to mend
    TIME = "time"  # not settled: apply goes on waiting
    USER = "user"  # 2: settled, but somebody has to do something
    FAILED = "failed"  # 1


@dataclass(frozen=True, slots=True)
class Reason:
    """A one-word CamelCase reason of a Ready condition.

    `settled` tells whether the state is written into the manifest: what passes by itself is not,
    the file then keeps the last settled status of the same spec.
    """

    name: str
    mend: Mend
    settled: bool
    means: str
    remedy: str


def _table(*rows: tuple[str, Mend, bool, str, str]) -> dict[str, Reason]:
    return {row[0]: Reason(*row) for row in rows}


REASONS: dict[str, Reason] = _table(
    ("Reconciled", Mend.READY, True,
     "What is there equals what is declared.", "Nothing to do."),
    ("BudgetWarning", Mend.READY, True,
     "Ready, and spending has passed a warning mark of the budget.",
     "Raise `budget.monthlyUsd`, or spend less."),
    ("Observed", Mend.TIME, False,
     "Declared, and not looked at yet.", "Wait a moment."),
    ("InProgress", Mend.TIME, False,
     "Work is running: steps, tests or a download.", "Wait; `p42 events` shows the work."),
    ("Retry", Mend.TIME, False,
     "The last try failed for a reason that passes by itself.",
     "Wait; `p42 describe` shows the next try, `p42 reconcile KIND/NAME` tries now."),
    ("Deleting", Mend.TIME, False,
     "The manifest is gone and what it made is being taken down.", "Wait."),
    ("Offline", Mend.TIME, False,
     "A remote agent missed three heartbeats.", "Start it again on its machine."),
    ("Waiting", Mend.USER, True,
     "Something it needs is not ready. The message names the root cause; the class is the root's.",
     "Mend the root cause; this follows by itself."),
    ("Blocked", Mend.USER, True,
     "It cannot be made real as declared, and only an edit or an installation changes that.",
     "Do what the message says; it is tried again when an input changes."),
    ("NeedsApproval", Mend.USER, True,
     "It would run something nobody here has agreed to.", "`p42 approve KIND/NAME` shows it."),
    ("Paused", Mend.USER, True,
     "Paused by `p42 pause` or the annotation `p42.dev/paused`: watched, not changed.",
     "`p42 resume KIND/NAME`, or take the annotation out."),
    ("Drifted", Mend.USER, True,
     "Reality differs and `p42.dev/heal: warn` asks to tell, not to mend.",
     "`p42 reconcile KIND/NAME` mends it once."),
    ("Held", Mend.USER, True,
     "Its manifest is gone together with too many others, so the deletion waits.",
     "`p42 apply --prune` if it was meant; put the files back if not."),
    ("Conflict", Mend.USER, True,
     "Something p42 did not make is in the way.",
     "Move it, or adopt it with the annotation `p42.dev/adopt: \"true\"`."),
    ("PortInUse", Mend.USER, True,
     "Another program holds the port.", "Stop the program the message names."),
    ("KeyMissing", Mend.USER, True,
     "The key reference leads to nothing.", "Set it: `p42 account login NAME`, or the variable."),
    ("KeyLocked", Mend.USER, True,
     "The keychain, or the file keys.age, is locked.",
     "Unlock it (keys.age: `p42 account unlock`); the key is read again by itself."),
    ("KeyRejected", Mend.USER, True,
     "The provider refused the key.", "`p42 account login NAME` with a valid one."),
    ("BudgetExceeded", Mend.USER, True,
     "The month's budget is used up.", "Raise `budget.monthlyUsd`, or wait for the next month."),
    ("RateLimited", Mend.USER, False,
     "The account is there, and its rate limit is used up for now.",
     "Raise `rateLimit`, or wait; it ends by itself."),
    ("ProviderDown", Mend.USER, False,
     "The account is there, and its provider does not answer.",
     "Look at the network and `baseUrl`; `p42 account check NAME` asks again, p42 does by itself."),
    ("NeverJoined", Mend.USER, True,
     "A remote agent was declared and never joined.", "`p42 agent invite NAME`."),
    ("Invalid", Mend.USER, True,
     "The manifest does not hold as it stands; the last good one runs on.",
     "Mend the file at the place the message names."),
    ("TestsFailed", Mend.FAILED, True,
     "The command's own tests failed; the old version, if any, stays.",
     "Mend the source or the tests; the message has the first failure."),
    ("CrashLoopBackOff", Mend.FAILED, True,
     "It ends again and again soon after its start.", "`p42 logs KIND/NAME` shows its last words."),
    ("InternalError", Mend.FAILED, False,
     "A bug in p42.", "`p42 logs daemon` has the traceback; please report it."),
)  # fmt: skip

# What passes in a thing that is there and stays: who needs it goes on, and is told when it asks.
# Nobody waits for a provider: `apply` has done what it can, and says so; `wait` was asked to.
PASSING = frozenset({"RateLimited", "ProviderDown"})


def mend_of(reason: str) -> Mend:
    """The class of `reason`. KeyError for a word that is not in the table: that is our bug."""
    return REASONS[reason].mend
