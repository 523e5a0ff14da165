"""Exchange: one metered call to an account, with its tries, from the wait for a turn to the bill.

    turn -> client -> breaker -> reserve -> stream ... -> settle -> turn given back

Guarantees
- Nothing outlives the deadline: it bounds the wait for a turn, for the key, for a rest the vendor
  asked for, and each piece. (A timeout around a generator's `yield` would cancel its consumer.)
- Each try is reserved before it goes out and settled however it ends, cancelled ones included; one
  whose fate nobody knows is settled at its worst case.
- A try after something was said would say it twice, so there is none: the caller gets the Cut.
- Closing the iterator ends the vendor's request and gives the turn back.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from p42.ai.accounts.clients import Clients
from p42.ai.accounts.deadline import Deadline
from p42.ai.accounts.directory import Account
from p42.ai.accounts.line import Line
from p42.ai.accounts.patience import Held, pause
from p42.ai.meter.meter import Meter, Reservation
from p42.ai.meter.pricing import Pricing
from p42.model.completion import Cut, Usage
from p42.model.errors import Blocked, P42Error, Retry, TimedOut
from p42.model.models import Provider
from p42.model.money import Price

T = TypeVar("T")
Piece = TypeVar("Piece")


class Question(Protocol[Piece]):
    """What is asked, in whatever words: a prompt, or a request that is passed on as it is."""

    @property
    def model(self) -> str:
        """For the price and the journal."""

    def most(self, provider: Provider) -> tuple[int, int]:
        """The most tokens, in and out."""

    def stream(self, provider: Provider) -> AsyncIterator[Piece]:
        """Put it to `provider`."""

    def ending(self, piece: Piece) -> Ending | None:
        """What the last piece tells; None = `piece` is not the last."""

    def so_far(self) -> Usage | None:
        """What an answer that is left off now costs at most; None = nobody knows."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a vendor counted, and its own id of the call."""

    usage: Usage | None
    vendor_id: str = ""


@dataclass(frozen=True, slots=True)
class Done(Generic[Piece]):
    """The last piece, and what all tries together cost in micro-USD."""

    last: Piece
    cost: int


@dataclass(slots=True)
class Room:
    """What every exchange works with."""

    clients: Clients
    meter: Meter
    pricing: Pricing
    random: Callable[[], float]
    proved: Callable[[Account], None]
    refused: Callable[[Account, Blocked], None]


@dataclass(slots=True)
class _Tally:
    """What is known of a try so far; as it stands, it is settled."""

    outcome: str = "cancelled"
    usage: Usage | None = None
    vendor_id: str = ""
    asked: bool = False  # it went out to the vendor
    said: bool = False

    def ended(self, ending: Ending) -> None:
        """The answer is whole."""
        self.outcome, self.usage, self.vendor_id = "ok", ending.usage, ending.vendor_id

    def failed(self, error: P42Error, so_far: Usage | None) -> None:
        """It broke off, or nothing came of it."""
        match error:
            case Cut():
                self.outcome, self.usage = "cut", error.usage
            case TimedOut():
                self.outcome, self.usage = "cut", so_far
            case _:
                self.outcome = "cut" if self.said else "failed"


class Exchange(Generic[Piece]):
    """One call. `request` names it in the journal, "" = one is drawn; the tries after the first are
    `request#2` ..."""

    def __init__(
        self,
        room: Room,
        line: Line,
        account: Account,
        question: Question[Piece],
        *,
        agent: str,
        request: str,
        seconds: float,
    ) -> None:
        self._room, self._line, self._account, self._question = room, line, account, question
        self._agent, self._seconds, self._drawn = agent, seconds, not request
        self.request = request or f"req-{secrets.token_hex(12)}"
        self._now = asyncio.get_running_loop().time
        self._deadline = Deadline(self._now() + seconds, self._late)
        self._cost = 0
        self._came = False  # a part of an answer

    async def run(self) -> AsyncGenerator[Piece | Done[Piece]]:
        """Pieces as they come, `Done` last. Raises Retry, Blocked, TimedOut or Cut."""
        sent, renewed = 0, False
        wait: float | None
        try:
            while True:
                said = False
                try:
                    async with aclosing(self._try(sent + 1)) as pieces:
                        async for piece in pieces:
                            said = True
                            yield piece
                    return
                except Blocked as error:
                    if error.reason != "KeyRejected" or said:
                        raise self._account.named(error) from None
                    if renewed or not await self._another_key():
                        raise self._rejected(error) from None
                    renewed, sent, wait = True, sent + 1, 0.0
                except (Retry, Cut) as error:
                    sent += not isinstance(error, Held)
                    wait = None if said else pause(error, sent, self._room.random)
                    if wait is None:
                        raise
                    if self._now() + wait >= self._deadline.at:
                        raise self._no_time(error, wait) from error
                await asyncio.sleep(wait)
        finally:
            self._deadline.close()

    async def _try(self, number: int) -> AsyncGenerator[Piece | Done[Piece]]:
        line, until = self._line, self._deadline.within
        await until(line.turn(self._agent))
        try:
            client = await until(self._room.clients.take(self._account))
            try:
                line.enter()
                began, tally = self._now(), _Tally()
                try:
                    async with aclosing(self._metered(client.provider, number, tally)) as pieces:
                        async for piece in pieces:
                            yield piece
                except BaseException as error:
                    if tally.asked:
                        line.ended(error, said=tally.said, waited=self._now() - began)
                    else:
                        line.breaker.left_off()
                    raise
            finally:
                await self._room.clients.give_back(client)
        finally:
            line.queue.give_back()

    async def _metered(
        self, provider: Provider, number: int, tally: _Tally
    ) -> AsyncGenerator[Piece | Done[Piece]]:
        question, until = self._question, self._deadline.within
        tokens_in, tokens_out = question.most(provider)
        price = await self._room.pricing.of(self._account, question.model, tokens_in=tokens_in)
        reservation = await self._reserve(number, tokens_in, tokens_out, price)
        began, tally.asked = self._now(), True
        last: Piece | None = None
        stream: Any = question.stream(provider)  # an iterator that can be closed
        try:
            async with aclosing(stream) as pieces:
                with suppress(StopAsyncIteration):
                    while True:
                        piece = await until(anext(pieces))
                        if not tally.said:
                            self._said(tally)
                        ending = question.ending(piece)
                        if ending is None:
                            yield piece
                            continue
                        last = piece
                        tally.ended(ending)
        except P42Error as error:
            tally.failed(error, question.so_far())
            raise
        finally:
            self._settle(reservation, price, tally, latency=self._now() - began)
        if last is None:
            raise Cut(f"{self._account.ref}: the answer ended without its end", passes=False)
        yield Done(last, self._cost)

    def _said(self, tally: _Tally) -> None:
        """The vendor's first word: it is up, and takes the key."""
        tally.said = self._came = True
        self._line.answered()
        self._room.proved(self._account)

    def _settle(
        self, reservation: Reservation, price: Price | None, tally: _Tally, *, latency: float
    ) -> None:
        """Not waited for: what the caller is told stands in memory, and a crash finds the
        reservation. A disk that refuses the bill is told of the account."""
        if tally.outcome == "cancelled":
            tally.usage = self._question.so_far()
        settled = self._room.meter.settle(
            reservation, usage=tally.usage, price=price, outcome=tally.outcome,
            vendor_id=tally.vendor_id, latency=latency,
        )  # fmt: skip
        self._cost += settled.cost

    async def _another_key(self) -> bool:
        return await self._deadline.within(self._room.clients.another_key(self._account))

    def _rejected(self, error: Blocked) -> Blocked:
        told = self._account.named(error)
        self._room.refused(self._account, told)
        return told

    async def _reserve(
        self, number: int, tokens_in: int, tokens_out: int, price: Price | None
    ) -> Reservation:
        try:
            return await self._room.meter.reserve(
                request=self.request, attempt=number, drawn=self._drawn,
                account=self._account.ref.name, spec=self._account.spec, agent=self._agent,
                model=self._question.model, tokens_in=tokens_in, tokens_out=tokens_out,
                price=price,
            )  # fmt: skip
        except Retry as error:
            if error.reason != "RateLimited":
                raise
            # A limit of ours is waited for: nothing was asked yet.
            self._line.use_up(error.after or 0.0)
            raise Held(str(error), after=error.after, reason=error.reason) from None

    def _late(self) -> TimedOut:
        ref, within = self._account.ref, _typed(self._seconds)
        what = f"{ref}: its answer was not whole" if self._came else f"{ref} did not answer"
        return TimedOut(
            f"{what} within {within} s; give it longer (--timeout), or see "
            f"`p42 describe {str(ref).lower()}`"
        )

    def _no_time(self, error: P42Error, wait: float) -> P42Error:
        left = max(0.0, self._deadline.at - self._now())
        text = f"{error} (to be tried again in {wait:.0f} s, and {left:.0f} s are left)"
        reason = error.reason if isinstance(error, Retry) else "ProviderDown"
        return Retry(text, after=wait, reason=reason)


def _typed(seconds: float) -> str:
    """As a person typed it. Some of that went before the account was asked: of `--timeout 1s`,
    0.99 s may be left. So it is rounded up: to a tenth of a second, to whole ones above two."""
    tenths = round(seconds * 10, 6)  # 1.1 * 10 is a little more than 11
    step = 10 if tenths > 20 and tenths % 1 else 1
    return f"{math.ceil(tenths / step) * step / 10:.1f}".removesuffix(".0")
