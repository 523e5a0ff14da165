"""Caught: an error as a value, carried from where it happened to whom it concerns.

For the two places that run code of others on behalf of a caller who waits elsewhere: a change in
the writer's thread, a piece of work in the background. Nothing is swallowed: whoever holds a
Caught has to look at `error`. Cancellation and exits pass through untouched.
"""

from __future__ import annotations

from types import TracebackType


class Caught:
    """`with Caught() as caught: ...` then `caught.error`, None if all went well."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Caught:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False
