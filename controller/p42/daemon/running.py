"""Running: tasks beside a block, and errors as their user should see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

from p42.engine.bugs import RESTART, caught
from p42.model.errors import P42Error


@asynccontextmanager
async def running(
    run: Coroutine[Any, Any, None], *, last: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """`run` beside the block; cancelled at its end, then `last`. If one fails, both do."""
    try:
        async with asyncio.TaskGroup() as group:
            beside = group.create_task(run)
            try:
                yield
            finally:
                beside.cancel()
    finally:
        if last is not None:
            await last()


def tended(
    what: str,
    run: Callable[[], Awaitable[None]],
    *,
    last: Callable[[], Awaitable[None]] | None = None,
) -> AbstractAsyncContextManager[None]:
    """As `running`, but a bug in `run` ends nothing else: it is logged, and it begins again.

    What p42 raises on purpose still ends both.
    """
    return running(_again_and_again(what, run), last=last)


async def _again_and_again(what: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        with caught(what) as result, alone():
            await run()
        if result.error is None:
            return
        if isinstance(result.error, P42Error):
            raise result.error
        await asyncio.sleep(RESTART)


@contextmanager
def alone() -> Iterator[None]:
    """Task groups wrap what they raise; a lone P42Error comes out bare, for the user."""
    try:
        yield
    except BaseExceptionGroup as group:
        leaves = list(_leaves(group))
        if leaves and all(isinstance(leaf, P42Error) for leaf in leaves):
            raise leaves[0] from None
        raise


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each
