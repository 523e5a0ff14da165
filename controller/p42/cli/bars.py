"""Bars: numbers as lengths, for a terminal."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

WIDE = 24  # columns of the longest
EIGHTHS = " ▏▎▍▌▋▊▉"


def drawn(values: Sequence[float], *, wide: int = WIDE) -> list[str]:
    """A bar for each; the largest is `wide` columns. What is not nothing is seen."""
    most = max(values, default=0)
    return [_bar(value / most if most > 0 else 0.0, wide) for value in values]


def _bar(part: float, wide: int) -> str:
    eighths = max(round(part * wide * 8), 1 if part > 0 else 0)
    full, rest = divmod(eighths, 8)
    return "█" * full + (EIGHTHS[rest] if rest else "")
