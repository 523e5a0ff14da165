"""Standing: all that is known of an account, as the one thing its user should hear first.

What the user has to mend comes before what passes, and what stops every call before what stops
some. Templates go into the file and hold nothing that changes by itself: the amount of the budget,
never what is left of it.
"""

from __future__ import annotations

from p42.ai.accounts.line import Line
from p42.ai.meter.limits import Spending
from p42.model.completion import Health
from p42.model.errors import P42Error, Retry

LEAST_REST = 1.0  # s; a shorter one is over before anybody has read of it


def standing(key: Health, line: Line, spent: Spending) -> Health:
    """`key`: what the provider said of the key."""
    about = _money(spent)
    if key.reason and key.reason not in ("ProviderDown", "InProgress"):
        return key
    if spent.owed is not None:
        return _unwritten(spent.owed)
    if about.reason == "BudgetExceeded":
        return about
    if line.breaker.is_open:
        return Health(
            "ProviderDown", "its provider fails again and again; it is tried now and then"
        )
    if key.reason:
        return key
    if line.rest >= LEAST_REST:
        return Health("RateLimited", f"its provider wants a rest of {line.rest:.0f} s more")
    return Health("RateLimited", line.held) if line.held else about


def _unwritten(error: BaseException) -> Health:
    """What a call cost is not in the journal. No call goes out meanwhile: the same disk refuses."""
    text = f"what a call cost cannot be written: {error}"
    match error:
        case Retry():
            return Health("Retry", text)
        case P42Error():
            return Health("Blocked", text, text)
    return Health("InternalError", "what a call cost was not written; `p42 logs daemon` says why")


def _money(spent: Spending) -> Health:
    return Health(spent.reason, spent.message, spent.template) if spent.reason else Health()
