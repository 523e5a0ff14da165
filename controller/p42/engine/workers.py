"""Workers: a fixed number of tasks that take names from the queue. One worker per name, ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from p42.engine.board import Board
from p42.engine.queue import Priority, Queue
from p42.model.refs import Ref

WORKERS = 16  # waiting, not computing: enough to overlap the ledger's group commits


async def work(
    queue: Queue, board: Board, reconcile: Callable[[Ref, Priority], Awaitable[None]]
) -> None:
    """Take names until cancelled. A cancelled worker has given its name back."""
    while True:
        ref, priority = await queue.get()
        try:
            await reconcile(ref, priority)
        finally:
            queue.done(ref)
            board.pulse()
        # A thousand names that need no waiting must not keep the doors shut.
        await asyncio.sleep(0)
