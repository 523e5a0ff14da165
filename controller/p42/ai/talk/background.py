"""Background: tasks that nobody waits for, each with its error; all end with their owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType

from p42.stores.caught import Caught

_log = logging.getLogger("p42.ai")


class Background:
    """`async with Background() as background:`; leaving it cancels what still runs."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Background:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None
        for task in self._tasks:
            task.cancel()
        if group is not None:
            await group.__aexit__(kind, error, trace)

    def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run it. An error in it is a bug of ours: it is logged, and nothing else ends by it."""
        if self._group is None:
            raise RuntimeError("work was begun before `async with` or after it")
        task = self._group.create_task(_carried(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _carried(work: Callable[[], Awaitable[None]]) -> None:
    with Caught() as caught:
        await work()
    if caught.error is not None:
        _log.error("a task of the accounts failed", exc_info=caught.error)
