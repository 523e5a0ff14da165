"""Queue: many callers' changes as one. Who comes while one is on its way shares the next.

Guarantees
- What was put is written in the order it was put, also when its caller has gone away.
- A caller is told after its change is on disk.
- A change that is owed (a fact, not a wish) is tried again when the disk refused it, before
  whatever came later; its caller is told of the refusal meanwhile. Any other is given up.

Bounded by its callers: a wish is waited for, and each fact ends a wish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Generic, NamedTuple, TypeVar

Change = TypeVar("Change")
Result = TypeVar("Result")
RETRY = 1.0  # s until what is owed is tried again by itself; whoever comes sooner takes it along


class _Waiting(NamedTuple, Generic[Change, Result]):
    change: Change
    answer: asyncio.Future[Result] | None  # None: its caller was told already


class Queue(Generic[Change, Result]):
    """Use from the event loop alone.

    `send` starts writing a list of changes; its future gives a result for each. `written` is called
    for each in order, before its caller is told; `refused` for each that could not be written, and
    says whether it is owed. Nobody has to listen to what `put` gave.
    """

    def __init__(
        self,
        *,
        send: Callable[[list[Change]], asyncio.Future[list[Result]]],
        written: Callable[[Change, Result], None],
        refused: Callable[[Change, BaseException], bool],
    ) -> None:
        self._send, self._on_disk, self._is_owed = send, written, refused
        self._waiting: list[_Waiting[Change, Result]] = []
        self._on_its_way = False
        self._begun = False
        self._idle: list[asyncio.Future[bool]] = []

    def put(self, change: Change) -> asyncio.Future[Result]:
        """Queue a change. Its future raises Retry or Blocked for what the disk refuses."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._waiting.append(_Waiting(change, answer))
        if not self._begun and not self._on_its_way:
            # In the next turn: whoever runs in this one comes along.
            self._begun = True
            loop.call_soon(self._begin)
        return answer

    async def flush(self) -> None:
        """Until what was put so far is written, or the disk refused it once more.

        What comes meanwhile is not waited for: somebody may always come.
        """
        for _ in range(2):  # what is on its way, and what waits
            if not self._waiting and not self._on_its_way:
                return
            loop = asyncio.get_running_loop()
            ended: asyncio.Future[bool] = loop.create_future()
            self._idle.append(ended)
            self._begin()
            if not await ended:
                return

    def _begin(self) -> None:
        self._begun = False
        if self._on_its_way or not self._waiting:
            return
        batch, self._waiting = self._waiting, []
        self._on_its_way = True
        sent = self._send([each.change for each in batch])
        sent.add_done_callback(partial(self._end, batch))

    def _end(
        self, batch: list[_Waiting[Change, Result]], sent: asyncio.Future[list[Result]]
    ) -> None:
        self._on_its_way = False
        error = sent.exception()
        if error is None:
            self._written(batch, sent.result())
        else:
            self._refused(batch, error)
        idle, self._idle = self._idle, []
        for ended in idle:
            if not ended.done():
                ended.set_result(error is None)
        if any(answer is not None for _, answer in self._waiting):
            self._begin()
        elif self._waiting:
            asyncio.get_running_loop().call_later(RETRY, self._begin)

    def _written(self, batch: list[_Waiting[Change, Result]], results: list[Result]) -> None:
        for (change, answer), result in zip(batch, results, strict=True):
            self._on_disk(change, result)
            if answer is not None and not answer.done():
                answer.set_result(result)

    def _refused(self, batch: list[_Waiting[Change, Result]], error: BaseException) -> None:
        owed: list[_Waiting[Change, Result]] = []
        for change, answer in batch:
            if self._is_owed(change, error):
                owed.append(_Waiting(change, None))
            if answer is not None and not answer.done():
                answer.set_exception(error)
                answer.exception()  # `refused` was told: it is no news if its caller has gone
        self._waiting = owed + self._waiting
