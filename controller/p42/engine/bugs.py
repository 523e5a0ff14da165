"""Bugs: the one place where anything at all is caught. The traceback goes to the log; p42 goes on.

Whatever is neither Retry nor Blocked is a mistake of ours, and no single kind, watcher or look may
take the loop down with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from p42.model.errors import P42Error

_LOG = logging.getLogger("p42.engine")

RESTART = 5.0  # s; a watcher that ends with an error is started again, but not in a hot loop


class Caught:
    """What went wrong inside a `caught` block, None = nothing did."""

    error: Exception | None = None


@contextmanager
def caught(what: str) -> Iterator[Caught]:
    """Run a block that may fail in any way. `what` names it in the log: `reconciling Command/x`.

    Errors that p42 raises on purpose are no bugs and are not logged here.
    """
    box = Caught()
    try:
        yield box
    except P42Error as error:
        box.error = error
    except Exception as error:  # noqa: BLE001 - the one broad except, see above
        _LOG.exception("bug while %s", what)
        box.error = error


async def supervise(
    what: str, run: Callable[[], Awaitable[None]], *, failed: Callable[[], None]
) -> None:
    """Run until it returns. After an error call `failed`, wait a little, and both again."""
    while True:
        with caught(what) as result:
            await run()
        if result.error is None:
            return
        if isinstance(result.error, P42Error):
            _LOG.warning("%s: %s", what, result.error)
        failed()
        await asyncio.sleep(RESTART)
        failed()  # what happened meanwhile, nobody saw; run() watches before anyone looks
