"""Refusals: why a call is not made, each with its remedy."""

from __future__ import annotations

from p42.ai.meter.limits import Limits, Spending, used_up
from p42.model.errors import Blocked, Retry
from p42.model.money import usd
from p42.stores.meter.rows import Reserved


class Repeated(Blocked):
    """The request was billed before: it is not made again. `cost` is what it cost, micro-USD."""

    def __init__(self, request: str, cost: int) -> None:
        super().__init__(
            f"request {request} was made before and cost {usd(cost)}; it is not made twice: "
            "ask under a new id"
        )
        self.cost = cost


def unpriced(row: Reserved) -> Blocked:
    """Nobody knows what it could cost, and a hard budget has to."""
    text = (
        f"account/{row.account}: no price is known for {row.model}, so its hard budget could not "
        "hold; name one in spec.prices, or make the budget soft (hard: false)"
    )
    return Blocked(text, template=text)


def no_money(row: Reserved, now: Spending) -> Blocked:
    """The call could take the account over its budget."""
    budget, worst = now.limits.budget or 0, row.worst or 0
    could = f"account/{row.account}: this call could cost {usd(worst)}, "
    held = f" and {usd(now.held)} set aside for calls under way" if now.held else ""
    if worst > budget:
        why = f"more than the whole budget of {usd(budget)} a month; raise budget.monthlyUsd, or "
        why += "ask for less (maxTokens)"
    else:
        why = f"and of the budget of {usd(budget)} for {now.period} (UTC) {usd(now.settled)} are "
        why += f"spent{held}; raise budget.monthlyUsd, ask for less (maxTokens), or wait for the "
        why += "next month"
    return Blocked(could + why, reason="BudgetExceeded", template=used_up(budget))


def never_fits(row: Reserved, limits: Limits) -> Blocked:
    """No wait would help: it is more than the rate limit lets through at once."""
    where = f"account/{row.account}: its rateLimit lets through"
    if limits.requests == 0:
        return Blocked(f"{where} no request; raise rateLimit.requests")
    return Blocked(
        f"{where} {limits.tokens} tokens in {limits.window}, and this call can take "
        f"{row.input + row.output}; ask for less (maxTokens), or raise rateLimit.tokens"
    )


def not_yet(row: Reserved, wait: float) -> Retry:
    """It would be too many in a stretch of time; in `wait` seconds it is not."""
    return Retry(
        f"account/{row.account}: its rateLimit is used up for {wait:.3g} s; wait, or raise it",
        after=wait,
        reason="RateLimited",
    )
