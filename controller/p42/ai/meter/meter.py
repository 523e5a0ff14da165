"""Meter: the worst case of a call is set aside before it is made, and settled when it has ended.

Guarantees
- Under a hard budget, what is billed and what is set aside together never exceed it: a call that
  could is refused before it goes out. Decided in one step, in memory; no await in between.
- A reservation is on disk before `reserve` returns: no call leaves before. A bill counts at once
  and is written behind the caller's back, before anything that is reserved later (metertally).
- A request is billed once. Settled again, it costs what it cost; reserved again, it is refused.
- A call whose fate is unknown (p42 was killed) counts once, at its worst case.
- Free models are never refused for money; a paid one without a known price is, under a hard budget.
- A clock that is set back opens no month again: months after the present one count with it.

Assumptions: the vendor's bill is no more than the worst case that was asked for. Where it is, the
bill counts as it is; the overspending is then the vendor's and stops the next call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from p42.ai.accounts.bell import Bell
from p42.ai.meter.bill import bill_of, never_made, vendor_of, worst_of
from p42.ai.meter.limits import Limits, Spending
from p42.ai.meter.refusals import Repeated, never_fits, no_money, not_yet, unpriced
from p42.ai.meter.window import Steady, Window
from p42.model.completion import Usage
from p42.model.errors import Blocked, InvalidInput, P42Error
from p42.model.money import Price
from p42.model.ports import Clock
from p42.model.refs import Ref
from p42.stores.meter.batch import Told
from p42.stores.meter.book import MeterBook
from p42.stores.meter.rows import Reserved, month_of
from p42.stores.state.rows import clean

LONGEST = 200  # characters of an id or a name in the journal
LOOK = 3600.0  # s between two looks at the calendar: a clock that is set is noticed by then


@dataclass(frozen=True, slots=True)
class Reservation:
    """The right to make one call."""

    row: Reserved
    limits: Limits

    @property
    def request(self) -> str:
        """The request it is for."""
        return self.row.request

    @property
    def account(self) -> str:
        """Whose money it is."""
        return self.row.account

    @property
    def worst(self) -> int | None:
        """Micro-USD set aside; None = the price is not known."""
        return self.row.worst


class Settled(NamedTuple):
    """`cost` in micro-USD. `written` tells it once more when it is on disk; Retry and Blocked for
    what the disk refuses. Nobody has to wait for it."""

    cost: int
    written: asyncio.Future[Told]


class Meter:
    """Use from the event loop alone. `account` is a name, `spec` its Account spec in camelCase.

    `clean` takes secrets out of what a vendor said.
    """

    def __init__(self, book: MeterBook, *, clock: Clock, clean: Callable[[str], str]) -> None:
        self._clean = clean
        self._book, self._clock, self._steady = book, clock, Steady(clock)
        self._limits: dict[str, tuple[Mapping[str, Any], Limits]] = {}  # by account: read from what
        self._windows: dict[str, Window] = {}
        self._slots: dict[str, int] = {}  # by request: where the rate limit counted it
        self._refused: dict[str, tuple[str, int]] = {}  # by account: month, worst case
        self._levels: dict[str, str] = {}
        self._month = month_of(self._now())
        self._bell = Bell()
        book.watch(lambda account: self._bell.ring(Ref("Account", account)))

    async def reserve(
        self, *, request: str, account: str, spec: Mapping[str, Any], agent: str, model: str,
        tokens_in: int, tokens_out: int, price: Price | None, attempt: int = 1,
        drawn: bool = False,
    ) -> Reservation:  # fmt: skip
        """Set aside what the call can cost at most; returns when that is on disk.

        `drawn`: `request` is random and new, so that nothing older under it is looked for. A try
        after the first (`attempt` 2 and on) stands in the journal as `REQUEST#2`; the request
        counts as billed when any of its tries was.
        Blocked (BudgetExceeded; Blocked for a price that is not known; Repeated), Retry
        (RateLimited, with `after`), InvalidInput for what is no amount, Retry and Blocked for the
        disk. Then nothing is set aside, nor when it is cancelled.
        """
        limits = self._read(account, spec)
        worst = worst_of(model, price, tokens_in, tokens_out)
        row = Reserved(
            _named(request, attempt), self._now(), clean(account), clean(agent)[:LONGEST],
            clean(model)[:LONGEST], tokens_in, tokens_out, worst,
        )  # fmt: skip
        if self._book.is_billed(row.request):
            await self._book.flush()  # whether it may be asked again is known when it is on disk
        self._turn()
        if self._book.is_under_way(row.request):
            raise Blocked(f"request {row.request} is under way already; wait for its answer")
        self._afford(row, limits)
        self._admit(row, limits)
        return await self._opened(Reservation(row, limits), drawn=drawn)

    def settle(
        self, reservation: Reservation, *, usage: Usage | None, price: Price | None, outcome: str,
        vendor_id: str, latency: float,
    ) -> Settled:  # fmt: skip
        """Bill what was used and give back the rest.

        `outcome` is ok, cut, failed or cancelled; `latency` in seconds. `usage` None: nothing was
        used (failed), or nobody knows (any other), then the worst case counts; so does usage that
        cannot be. What the disk refuses is logged, told of the account (`Spending.owed`) and tried
        again by itself; the worst case stays set aside meanwhile.
        """
        vendor = vendor_of(vendor_id, self._clean)
        bill = bill_of(reservation.row, usage, price, outcome, vendor, latency)
        used = bill.input + bill.output
        self._correct(reservation, used - reservation.row.input - reservation.row.output)
        written = self._book.close(bill)
        self._look(reservation.account, reservation.limits)
        return Settled(bill.cost or 0, written)

    def spent(self, account: str, spec: Mapping[str, Any]) -> Spending:
        """How the account stands this month. InvalidInput for a budget that is no amount."""
        return self._spending(account, self._read(account, spec))

    async def crossed(self) -> AsyncIterator[Ref]:
        """Accounts that passed a warning mark or the budget, or came back; all that were used, at
        the turn of a month. Until closed."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(0, lambda: None)

        def look() -> None:
            nonlocal timer
            self._turn()
            timer = loop.call_later(min(LOOK, _until_next_month(self._now())), look)

        look()
        try:
            async for ref in self._bell.follow():
                yield ref
        finally:
            timer.cancel()

    async def flush(self) -> None:
        """Until every bill so far is written, or the disk refused it once more."""
        await self._book.flush()

    def _read(self, account: str, spec: Mapping[str, Any]) -> Limits:
        """The limits, read once from each spec: a new one comes in the place of the old one."""
        of, limits = self._limits.get(account, (None, None))
        if limits is None or of is not spec:
            limits = Limits.read(account, spec)
            self._limits[account] = spec, limits
        return limits

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    def _afford(self, row: Reserved, limits: Limits) -> None:
        if limits.budget is None or not limits.hard or row.worst == 0:
            return
        if row.worst is None:
            raise unpriced(row)
        now = self._spending(row.account, limits)
        if not (now.month + row.worst <= limits.budget):
            if now.settled + row.worst > limits.budget:  # not only for calls that will end
                if row.worst <= limits.budget:  # else the call is too large, not the rest too small
                    self._refused[row.account] = (self._month, row.worst)
                self._look(row.account, limits)
            raise no_money(row, now)
        self._refused.pop(row.account, None)

    def _admit(self, row: Reserved, limits: Limits) -> None:
        """Count the call in the account's window."""
        if not limits.is_rate:
            return
        tokens, now = row.input + row.output, self._steady.now()
        if limits.requests == 0 or (limits.tokens is not None and tokens > limits.tokens):
            raise never_fits(row, limits)
        window = self._window(row.account, limits, now)
        wait = window.wait(limits, tokens, now)
        if wait > 0:
            raise not_yet(row, wait)
        self._slots[row.request] = window.add(tokens, now)

    def _window(self, account: str, limits: Limits, now: float) -> Window:
        window = self._windows.get(account)
        if window is None or window.per != limits.per:
            kept = window.text() if window is not None else self._book.window(account)
            window = self._windows[account] = Window.from_text(kept, limits.per, now)
            self._book.keep_window(account, window.text)
        return window

    def _correct(self, reservation: Reservation, tokens: int, requests: int = 0) -> None:
        """Once: what the window counted at the worst becomes what it was."""
        slot = self._slots.pop(reservation.request, None)
        window = self._windows.get(reservation.account)
        # A window made anew since then has other steps; it keeps the worst case.
        if slot is not None and window is not None and window.per == reservation.limits.per:
            window.correct(slot, tokens, requests)

    async def _opened(self, reservation: Reservation, *, drawn: bool) -> Reservation:
        row = reservation.row
        try:
            told = await self._book.open(row, drawn=drawn)
        except asyncio.CancelledError:  # it may be written all the same; nobody will settle it
            self._book.close(never_made(row))
            self._uncount(reservation)
            raise
        except P42Error:
            self._uncount(reservation)
            raise
        if not told.fresh:
            self._uncount(reservation)
            raise Repeated(row.request, told.cost)
        return reservation

    def _uncount(self, reservation: Reservation) -> None:
        self._correct(reservation, -reservation.row.input - reservation.row.output, -1)

    def _spending(self, account: str, limits: Limits) -> Spending:
        month = month_of(self._now())
        refused = self._refused.get(account, ("", 0))
        return Spending(
            month, self._book.spent(account, month), self._book.held(account),
            refused[1] if refused[0] == month else 0, limits, self._book.owed(account),
        )  # fmt: skip

    def _look(self, account: str, limits: Limits) -> None:
        """Ring when the account stands otherwise than before."""
        if limits.budget is None:
            return
        level = self._spending(account, limits).template
        if level != self._levels.get(account, ""):
            self._bell.ring(Ref("Account", account))
        self._levels[account] = level

    def _turn(self) -> None:
        """A new month: everybody's money is another."""
        month = month_of(self._now())
        if month == self._month:
            return
        self._month = month
        self._refused.clear()
        for account in self._levels:
            self._bell.ring(Ref("Account", account))
        self._levels.clear()


def _named(request: str, attempt: int) -> str:
    if not request or len(request) > LONGEST:
        raise InvalidInput(f"a request id has 1 to {LONGEST} characters, not {len(request)}")
    return clean(request) if attempt == 1 else f"{clean(request)}#{attempt}"


def _until_next_month(now: int) -> float:
    """Seconds from `now` (ms since the epoch)."""
    at = datetime.fromtimestamp(now / 1000, UTC)
    following = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    midnight = following.replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - at).total_seconds() + 0.001
