"""Limits: what an Account's spec allows, and Spending: how the account stands with it.

A hard budget refuses a call that could overspend, before it is made. A soft one (`hard: false`)
refuses nothing: it warns, at its marks and when it is used up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p42.model.errors import InvalidInput
from p42.model.money import MOST, Price, micro, usd
from p42.model.quantity import seconds

MOST_TOKENS = 10**8  # of one call; the largest context is 10^7. More is a slip or a lie


RAISE = "raise budget.monthlyUsd, or wait for the next month; free models go on"


@dataclass(frozen=True, slots=True)
class Limits:
    """`budget` in micro-USD a month, `per` in seconds; None = not limited. `window` as declared."""

    budget: int | None = None
    hard: bool = False
    marks: tuple[float, ...] = ()
    requests: int | None = None
    tokens: int | None = None
    per: float = 60.0
    window: str = "1m"

    @classmethod
    def read(cls, account: str, spec: Mapping[str, Any]) -> Limits:
        """From a spec (camelCase). InvalidInput for what is no amount: NaN, infinite, negative."""
        try:
            budget, hard, marks = _budget(spec.get("budget") or {})
            requests, tokens, per, window = _rate(spec.get("rateLimit") or {})
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"account/{account}: its limits do not hold: {error}") from None
        return cls(budget, hard, marks, requests, tokens, per, window)

    @property
    def is_rate(self) -> bool:
        """Whether calls or tokens in a stretch of time are limited."""
        return self.requests is not None or self.tokens is not None


def _budget(budget: Mapping[str, Any]) -> tuple[int | None, bool, tuple[float, ...]]:
    if not budget:
        return None, False, ()
    marks = tuple(sorted(float(mark) for mark in budget.get("warnAt") or ()))
    if not all(0 < mark <= 1 for mark in marks):
        raise ValueError(f"budget.warnAt goes from 0 to 1, and is {list(marks)}")
    return micro(float(budget["monthlyUsd"])), bool(budget.get("hard")), marks


def _rate(rate: Mapping[str, Any]) -> tuple[int | None, int | None, float, str]:
    window = rate.get("per") or "1m"
    per = seconds(window)
    if per <= 0:
        raise ValueError(f"rateLimit.per is {window}; it must be longer than nothing")
    return _count(rate, "requests"), _count(rate, "tokens"), per, window


def _count(rate: Mapping[str, Any], name: str) -> int | None:
    value = rate.get(name)
    if value is not None and not is_count(value):
        raise ValueError(f"rateLimit.{name} is {value!r}; it must be a whole number from 0")
    return value


def is_count(value: object, *, most: int = 2**53) -> bool:
    """Whether it is a whole number from 0 to `most`. NaN is not, nor True."""
    return type(value) is int and 0 <= value <= most


def is_price(price: Price) -> bool:
    """Whether every part is a whole number of micro-USD, not negative, not absurd."""
    return (
        is_count(price.input, most=MOST) and is_count(price.output, most=MOST)
        and is_count(price.cached, most=MOST) and is_count(price.stored, most=MOST)
        and (price.hour is None or is_count(price.hour, most=MOST))
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spending:
    """Money of one account in one month (UTC), in micro-USD.

    `settled` is billed, `held` set aside for calls under way; `refused` is the worst case of the
    last paid call if there was no money left for that, else 0. `owed`: why a bill cannot be
    written; None = they all are, or soon will be.
    """

    period: str  # "2026-01"
    settled: int
    held: int
    refused: int
    limits: Limits
    owed: BaseException | None = None

    @property
    def month(self) -> int:
        """Spent and set aside."""
        return self.settled + self.held

    @property
    def budget(self) -> int | None:
        """The month's budget; None = none is declared."""
        return self.limits.budget

    @property
    def is_exceeded(self) -> bool:
        """Whether a hard budget has stopped paid calls: all of them, or the last that was asked."""
        budget = self.limits.budget
        if budget is None or not self.limits.hard:
            return False
        return self.settled >= budget > 0 or not (self.settled + self.refused <= budget)

    @property
    def mark(self) -> float | None:
        """The highest warning mark that is passed, as a part of the budget; None = none.

        1.0, whether declared or not, when all of it is spent.
        """
        budget = self.limits.budget
        if not budget or not self.settled:
            return None
        passed = [m for m in (*self.limits.marks, 1.0) if self.settled >= math.ceil(m * budget)]
        return max(passed, default=None)

    @property
    def reason(self) -> str:
        """BudgetExceeded, BudgetWarning, or "" where all is well."""
        if self.is_exceeded:
            return "BudgetExceeded"
        return "BudgetWarning" if self.mark is not None else ""

    @property
    def message(self) -> str:
        """For people, with figures; "" where all is well."""
        if not self.reason or self.limits.budget is None:
            return ""
        share = f"{usd(self.settled)} of {usd(self.limits.budget)} are spent in {self.period} (UTC)"
        if self.is_exceeded and self.refused:
            share += f", and the last call could have cost {usd(self.refused)}"
        return f"{share}; {self._remedy}"

    @property
    def template(self) -> str:
        """For the file: made of the spec and the mark that is passed, without figures that move."""
        if not self.reason or self.limits.budget is None:
            return ""
        if self.is_exceeded:
            return used_up(self.limits.budget)
        part = "all" if self.mark == 1.0 else f"{self.mark:.0%}"
        return f"{part} of the month's budget of {usd(self.limits.budget)} is spent; {self._remedy}"

    @property
    def _remedy(self) -> str:
        if self.is_exceeded:
            return RAISE
        if self.limits.hard:
            return "calls stop when all of it is"
        return "calls go on: the budget is not hard"


def used_up(budget: int) -> str:
    """What the file says when a hard budget has stopped a call."""
    return f"the month's budget of {usd(budget)} is used up; {RAISE}"
