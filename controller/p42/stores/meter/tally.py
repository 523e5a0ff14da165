"""Tally: what is spent and what is set aside at this moment, by heart.

A bill counts from the moment it is known, before it is on disk: whatever is set aside after it is
written after it, in the same transaction or a later one, so no crash keeps the second without the
first. While the disk refuses a bill its worst case counts again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from p42.stores.meter.rows import Bill, Reserved, month_of


@dataclass(slots=True)
class _Open:
    """A call that is under way, or whose bill is. `cost` in micro-USD, None = not billed yet."""

    row: Reserved
    cost: int | None = None


class Tally:
    """Use from the event loop alone. Amounts in micro-USD."""

    def __init__(self, spent: Mapping[str, Mapping[str, int]]) -> None:
        """`spent` by account and month: what is on disk at the start."""
        self._spent = {account: dict(months) for account, months in spent.items()}
        self._open: dict[str, _Open] = {}
        self._held: dict[str, int] = {}

    def spent(self, account: str, month: str) -> int:
        """Billed in `month` and in any later one."""
        months = self._spent.get(account)
        return sum(spent for m, spent in months.items() if m >= month) if months else 0

    def held(self, account: str) -> int:
        """Set aside for calls under way, in any month."""
        return self._held.get(account, 0)

    def row(self, request: str) -> Reserved | None:
        """The reservation of a call that is under way, or whose bill is; None = neither."""
        there = self._open.get(request)
        return there.row if there is not None else None

    def is_billed(self, request: str) -> bool:
        """Whether it has ended and its bill is under way."""
        there = self._open.get(request)
        return there is not None and there.cost is not None

    def open(self, row: Reserved) -> None:
        """Set the worst case aside."""
        self._open[row.request] = _Open(row)
        self._hold(row)

    def bill(self, bill: Bill) -> None:
        """Count what it cost in the place of the worst case; a second bill changes nothing."""
        there = self._open.get(bill.request)
        if there is not None and there.cost is None:
            there.cost = bill.cost or 0
            self._release(there.row)
            self._spend(there.row, there.cost)

    def unbill(self, request: str) -> None:
        """The bill is not written: the worst case again."""
        there = self._open.get(request)
        if there is not None and there.cost is not None:
            self._spend(there.row, -there.cost)
            self._hold(there.row)
            there.cost = None

    def written(self, bill: Bill) -> None:
        """The bill is on disk."""
        self.bill(bill)
        self._open.pop(bill.request, None)

    def drop(self, request: str) -> None:
        """Nothing was set aside after all."""
        self.unbill(request)
        there = self._open.pop(request, None)
        if there is not None:
            self._release(there.row)

    def _hold(self, row: Reserved) -> None:
        self._held[row.account] = self._held.get(row.account, 0) + (row.worst or 0)

    def _release(self, row: Reserved) -> None:
        self._held[row.account] -= row.worst or 0

    def _spend(self, row: Reserved, cost: int) -> None:
        if cost:
            months = self._spent.setdefault(row.account, {})
            month = month_of(row.at)
            months[month] = months.get(month, 0) + cost
