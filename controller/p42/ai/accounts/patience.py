"""Patience: how long to wait between tries, and when another would not help."""

from __future__ import annotations

from collections.abc import Callable

from p42.model.completion import Cut
from p42.model.errors import P42Error, Retry

TRIES = 3  # CONTRACT "Wires": up to 3 on 429, 5xx and cut connections
FIRST = 0.5  # s before the second try, doubled before the third; the vendors' SDKs do the same


class Held(Retry):
    """Nothing was asked: a limit of ours, or a rest. Waited for, and no try is used up."""


class Down(Retry):
    """Nothing was asked: the provider is down. Refused at once, whatever time there would be."""


def pause(error: P42Error, tried: int, random: Callable[[], float]) -> float | None:
    """Seconds to wait after `tried` tries before the next one; None = another would not help.

    What the vendor asks for is kept to the letter; else the waits are spread by a quarter, so that
    calls that failed together do not come back together. `random` draws from 0 to 1.
    """
    if isinstance(error, Held):
        return float(max(0.01, error.after or 0.0))
    if tried >= TRIES or not _passes(error):
        return None
    if isinstance(error, Retry) and error.after is not None:
        return float(max(0.0, error.after))
    return float(FIRST * 2 ** (tried - 1) * (0.75 + 0.5 * random()))


def _passes(error: P42Error) -> bool:
    if isinstance(error, Cut):
        return error.passes and not error.said
    return isinstance(error, Retry) and not isinstance(error, Down)
