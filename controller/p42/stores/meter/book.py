"""MeterBook: what was spent and what is set aside, on disk and by heart; each call in a journal.

Guarantees
- `open` is told done when the reservation is on disk, `close` when the bill is: the reservation
  gone, the call in the journal, the cost in the month's total, in one transaction.
- A request that was billed or answered before is neither opened nor billed again.
- A reservation found at the start is of a call whose fate nobody knows: it is billed once, at its
  worst case, in the month in which it was made.
- What memory says is spent or set aside is never less than what the disk says once all is written
  that was put so far; see metertally for why a bill may count before that.
- A bill that cannot be written is in the log, and `owed` says so until it is written.
- A database lost while we run is made anew with all of it and the last RECENT calls; the journal
  then begins with those, and says so (`Chain.base`). One found damaged at the start: metersalvage.

The journal only grows: about 170 to 300 bytes a call: 100,000 are 30 MB at most.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from p42.model.errors import P42Error
from p42.stores.meter.batch import Batch, Told, known, worked_out, write
from p42.stores.meter.journal import end_of, first_changed, restored
from p42.stores.meter.queue import Queue
from p42.stores.meter.rows import (
    Bill,
    Call,
    Chain,
    Reserved,
    chain_from,
    reserved_from,
)  # fmt: skip
from p42.stores.meter.salvage import salvaged
from p42.stores.meter.tables import (
    CHAIN,
    EMPTY,
    LAST_CALLS,
    PUT_RESERVATION,
    PUT_SPENDING,
    PUT_WINDOW,
    RESERVATIONS,
    SPENDINGS,
    WINDOWS,
)  # fmt: skip
from p42.stores.meter.tally import Tally
from p42.stores.state.database import Database
from p42.stores.state.rows import sealed, unsealed

RECENT = 1_000  # calls kept in memory, half a MiB: what a database made anew begins with
_RECENT_CALLS = LAST_CALLS.replace("?", str(RECENT))
_log = logging.getLogger("p42.meter")


class MeterBook:
    """Reading is from memory. Use from the event loop alone."""

    def __init__(self, database: Database) -> None:
        """Blocking: loads, and bills what was under way when p42 was killed."""
        self._database = database
        opened = database.load(RESERVATIONS, reserved_from)
        self._opened: dict[str, Reserved] = {row.request: row for row in opened}
        self._spent = _by_account(database.load(SPENDINGS, unsealed))
        self._windows: dict[str, str] = dict(database.load(WINDOWS, unsealed))
        calls = database.load(_RECENT_CALLS, lambda row: Call(*row))[::-1]
        self._calls = deque(calls, RECENT)
        self._chain = end_of(next(iter(database.load(CHAIN, chain_from)), Chain()), calls)
        self._drawn: set[str] = set()  # on their way to the disk
        self._snapshots: dict[str, Callable[[], str]] = {}
        self._owed: dict[str, tuple[str, BaseException]] = {}  # by request: its account, and why
        self._troubled: Callable[[str], None] = lambda _: None
        self._queue: Queue[Reserved | Bill, Told] = Queue(
            send=self._send, written=self._written, refused=self._refused
        )
        if database.aside is not None:
            self._salvage(database.aside)
        database.keep(self._restore)
        self._bill_the_unknown()
        self._tally = Tally(self._spent)
        changed = first_changed(calls)
        if changed is not None:
            _log.warning("call %d of the journal was changed: see `p42 usage --verify`", changed)

    def spent(self, account: str, month: str) -> int:
        """Micro-USD billed in `month` and in any later one.

        Later ones there are when the clock was set back: a month in which it was set forward must
        not be opened once more, and this one not either.
        """
        return self._tally.spent(account, month)

    def held(self, account: str) -> int:
        """Micro-USD set aside for calls under way, in any month."""
        return self._tally.held(account)

    def is_under_way(self, request: str) -> bool:
        """Whether it was opened and its bill is not on disk yet."""
        return self._tally.row(request) is not None

    def is_billed(self, request: str) -> bool:
        """Whether it was closed and its bill is not on disk yet."""
        return self._tally.is_billed(request)

    def owed(self, account: str) -> BaseException | None:
        """Why a bill of the account is not on disk; None = all of them are, or soon will be."""
        if not self._owed:  # nearly always
            return None
        return next((why for name, why in self._owed.values() if name == account), None)

    def watch(self, troubled: Callable[[str], None]) -> None:
        """Call `troubled` with the account when what `owed` says of it may be another."""
        self._troubled = troubled

    def window(self, account: str) -> str | None:
        """What `keep_window` kept of the account's rate limit before this start."""
        return self._windows.get(account)

    def keep_window(self, account: str, snapshot: Callable[[], str]) -> None:
        """From now on, keep what `snapshot` says whenever something of the account is written."""
        self._snapshots[account] = snapshot

    def open(self, row: Reserved, *, drawn: bool = False) -> asyncio.Future[Told]:
        """Set the worst case aside: in memory at once, told when that is on disk.

        `drawn`: the request's id was drawn just now, so nobody has to look for an older one. Not
        fresh: the request was billed before, and nothing is set aside. Raises Retry and Blocked
        for the disk; nothing is set aside then.
        """
        self._tally.open(row)
        if drawn:
            self._drawn.add(row.request)
        return self._queue.put(row)

    def close(self, bill: Bill) -> asyncio.Future[Told]:
        """End a reservation: in memory at once, told when that is on disk.

        Once called it will be written, whatever becomes of the caller. Raises Retry and Blocked for
        the disk: then it is tried again by itself, and until it is written the worst case is set
        aside once more.
        """
        self._tally.bill(bill)
        return self._queue.put(bill)

    async def flush(self) -> None:
        """Until what was put so far is written, or the disk refused it once more."""
        await self._queue.flush()

    def _send(self, changes: list[Reserved | Bill]) -> asyncio.Future[list[Told]]:
        windows = self._snapshot(changes)
        worked: list[Batch] = []

        def change(db: sqlite3.Connection) -> list[Told]:
            worked[:] = [self._write(db, changes, windows)]
            return worked[0].told

        return self._database.post(change, then=lambda: self._take(worked[0], windows))

    def _snapshot(self, changes: Iterable[Reserved | Bill]) -> dict[str, str]:
        if not self._snapshots:
            return {}
        rows = (self._tally.row(change.request) for change in changes)
        accounts = {row.account for row in rows if row is not None}
        return {name: self._snapshots[name]() for name in accounts if name in self._snapshots}

    def _write(
        self, db: sqlite3.Connection, changes: Iterable[Reserved | Bill], windows: Mapping[str, str]
    ) -> Batch:
        strangers = [each.request for each in changes if self._may_be_known(each.request)]
        batch = worked_out(
            changes, chain=self._chain, opened=self._opened, spent=self._spent,
            earlier=known(db, strangers) if strangers else {},
        )  # fmt: skip
        write(db, batch, windows)
        return batch

    def _may_be_known(self, request: str) -> bool:
        """Whether it may stand in the journal: one that is open or was drawn just now does not."""
        return request not in self._opened and request not in self._drawn

    def _take(self, batch: Batch, windows: Mapping[str, str]) -> None:
        """Into memory. In the writer's thread: each dictionary changes in single steps."""
        self._opened.update(batch.opened)
        for request in batch.closed:
            self._opened.pop(request, None)
        for (account, month), spent in batch.spent.items():
            self._spent[account] = {**self._spent.get(account, {}), month: spent}
        self._calls.extend(batch.calls)
        self._chain = batch.chain
        self._windows.update(windows)

    def _written(self, change: Reserved | Bill, told: Told) -> None:
        if isinstance(change, Bill):
            if told.fresh:
                self._tally.written(change)
            account, _ = self._owed.pop(change.request, ("", None))
            if account:
                self._troubled(account)
            return
        self._drawn.discard(change.request)
        if not told.fresh:
            self._tally.drop(change.request)

    def _refused(self, change: Reserved | Bill, error: BaseException) -> bool:
        """Whether it is tried again: a bill is a fact, but a bug would only meet itself again."""
        if isinstance(change, Reserved):
            self._drawn.discard(change.request)
            self._tally.drop(change.request)
            return False
        self._tally.unbill(change.request)
        row = self._tally.row(change.request)
        if row is not None and change.request not in self._owed:
            self._owe(row, error)
        return isinstance(error, P42Error)

    def _owe(self, row: Reserved, error: BaseException) -> None:
        if self.owed(row.account) is None:  # else the log has it
            bug = None if isinstance(error, P42Error) else error
            _log.error(
                "account/%s: what a call cost is not written, and counts at the worst: %s",
                row.account, error, exc_info=bug,
            )  # fmt: skip
        self._owed[row.request] = row.account, error
        self._troubled(row.account)

    def _bill_the_unknown(self) -> None:
        bills = [Bill.at_worst(row) for row in self._opened.values()]
        if not bills:
            return
        worked: list[Batch] = []
        self._database.at_start(lambda db: worked.append(self._write(db, bills, {})))
        self._take(worked[-1], {})

    def _salvage(self, aside: Path) -> None:
        """What the damaged database still says counts: a budget must not open by a broken disk."""
        found = salvaged(aside, recent=RECENT)
        for row in found.opened:
            self._opened.setdefault(row.request, row)
        for (account, month), spent in found.spent.items():
            months = self._spent.get(account, {})
            most = max(spent, months.get(month, 0))
            self._spent[account] = {**months, month: most}
        for account, body in found.windows:
            self._windows.setdefault(account, body)
        if found.chain.number > self._chain.number:
            self._chain = found.chain
            self._calls = deque(found.calls, RECENT)
        self._database.at_start(self._restore)

    def _restore(self, db: sqlite3.Connection) -> None:
        """Called in the writer's thread; copies are taken in one step each."""
        opened, spent = list(self._opened.values()), list(self._spent.items())
        windows, calls, chain = list(self._windows.items()), list(self._calls), self._chain
        for emptied in EMPTY:
            db.execute(emptied)
        db.executemany(PUT_RESERVATION, [sealed(*row) for row in opened])
        months = [(name, *each) for name, account in spent for each in account.items()]
        db.executemany(PUT_SPENDING, [sealed(*row) for row in months])
        db.executemany(PUT_WINDOW, [sealed(*row) for row in windows])
        self._chain = restored(db, calls, chain)


def _by_account(rows: Iterable[tuple[Any, ...]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for account, month, spent in rows:
        found.setdefault(account, {})[month] = spent
    return found
