"""Rows: a name as people ask for it, put together from catalog, ledger and board."""

from __future__ import annotations

from p42.engine.desk import Desk
from p42.engine.view import Row, View
from p42.engine.wish import State
from p42.model.refs import Ref


def row_of(desk: Desk, ref: Ref) -> Row | None:
    """The row of `ref`; None = there is no such wish."""
    wish = desk.catalog.wishes.get(ref)
    if wish is None:
        return None
    standing, entry = desk.board.get(ref), desk.records.get(ref)
    created = entry.created if entry else desk.records.created(ref)
    return Row(
        ref=ref,
        resource=wish.resource,
        status=standing.status,
        drift=standing.drift,
        steps=standing.steps,
        observed=standing.observed,
        generation=entry.generation if entry else 1,
        created=created,
        changed=created if standing.changed is None else standing.changed,
        attempts=standing.attempts,
        next_try=standing.next_try,
        needs=desk.needs.of(ref),
        needed_by=tuple(sorted(desk.needs.users(ref))),
        paused=desk.records.paused(wish),
        mend=standing.mend,
        root=standing.cause.ref if standing.cause else None,
        gone=wish.state is State.GONE,
    )


def view_of(desk: Desk) -> View:
    """Everything at this moment, sorted by ref."""
    wishes = desk.catalog.wishes
    rows = {ref: row for ref in sorted(wishes) if (row := row_of(desk, ref)) is not None}
    held = tuple(ref for ref in rows if wishes[ref].state is State.HELD)
    return View(rows, desk.catalog.broken, held, desk.catalog.sources)
