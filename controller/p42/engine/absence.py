"""Absence: when a name that is not found may be believed to be gone. Pure judgements.

Deleting what a half-written save, a lost mount or a slow `git checkout` only hides is the worst
that a controller can do; waiting two seconds too long is the least.
"""

from __future__ import annotations

from collections.abc import Iterable

from p42.engine.shelf import Shelf
from p42.engine.wish import State, Wish

GRACE = 2.0  # s between two looks; editors delete and re-create within one
EMPTY_GRACE = 5.0  # s; truncate-and-write editors leave a file empty while they think
GUARD_MORE_THAN = 3  # losing this many or fewer is everyday work


def believed_at(wish: Wish, home: Shelf | None) -> float:
    """When (monotonic) a look that still misses `wish` is proof. `home`: the file it stood in."""
    assert wish.since is not None  # noqa: S101 - only asked of ABSENT ones
    if home is None:
        return wish.since + GRACE
    # A slow writer has got no further than the documents before it: its pause is what counts.
    since = max(wish.since, home.grew_at or wish.since)
    return since + (EMPTY_GRACE if home.empty else GRACE)


def too_many(wishes: Iterable[Wish], *, declares_anything: bool) -> bool:
    """Whether what one source lost looks like an accident: all of it, or more than half and > 3.

    All of it, when it was a single thing, is somebody who deleted their one manifest.
    `wishes` are all of the source that are not GONE.
    """
    states = [wish.state for wish in wishes]
    lost = sum(state in (State.ABSENT, State.HELD) for state in states)
    if lost > 1 and not declares_anything:
        return True
    return lost > GUARD_MORE_THAN and lost * 2 > len(states)
