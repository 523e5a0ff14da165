"""Money: whole micro-dollars, and prices per million tokens. No float after the border.

A float at the border may be NaN, and one NaN compares false with every limit and so switches a
budget off; what comes in is checked once, here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from p42.model.completion import Usage

USD = 1_000_000  # micro-dollars
MILLION = 1_000_000  # tokens a price is for
MOST = 10**15  # micro-dollars: a billion USD; more is a slip


def micro(usd: float) -> int:
    """USD to micro-dollars, rounded up. ValueError for NaN, infinite, negative or absurd ones."""
    if not math.isfinite(usd) or usd < 0 or usd * USD > MOST:
        raise ValueError(f"{usd!r} is no amount of money: it must be from 0 to {MOST // USD} USD")
    return math.ceil(round(usd * USD, 6))


def usd(amount: int) -> str:
    """Micro-dollars for people: `$0.0012`, `$3.50`; never rounded to nothing."""
    whole, part = divmod(abs(amount), USD)
    digits = f"{part:06}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount < 0 else ''}${whole}.{digits}"


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars per million tokens. `stored`: what writing to the vendor's cache costs; `hour`:
    what writing to it for an hour does, None = the same."""

    input: int
    output: int
    cached: int
    stored: int
    hour: int | None = None

    def cost(self, usage: Usage) -> int:
        """What was used, rounded up to a micro-dollar."""
        plain = max(0, usage.input - usage.cached - usage.stored)
        longer = self.stored if self.hour is None else self.hour
        total = (
            plain * self.input + usage.cached * self.cached + usage.output * self.output
            + max(0, usage.stored - usage.hour) * self.stored + usage.hour * longer
        )  # fmt: skip
        return -(-total // MILLION)

    def worst(self, tokens_in: int, tokens_out: int) -> int:
        """The most that a call of at most so many tokens can cost.

        Nothing in it is written to a cache for an hour: who asks for that says more tokens.
        """
        dearest = max(self.input, self.cached, self.stored)
        return -(-(tokens_in * dearest + tokens_out * self.output) // MILLION)


FREE = Price(0, 0, 0, 0)
