"""Usage: what calls to models used and cost, from the journal: by account, agent, model and day."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypedDict

from p42.api.asking import asks
from p42.api.shapes import Json
from p42.model.errors import InvalidInput
from p42.model.ports import World
from p42.model.quantity import seconds
from p42.stores.meter.audit import Sum, summed

KEYS = ("account", "agent", "model", "day")
DAY = 86_400_000  # ms
_MONTH = re.compile(r"(\d{4})-(\d{2})\Z")


# `from` and `to` are days (UTC), both within. What was summed over is null in a row.
Usage = TypedDict("Usage", {"from": str, "to": str, "total": Json, "rows": list[Json]})


@asks
class Report:
    """`from` and `to`: 2026-01-31, 2026-01, or 7d ago; none = this month so far. `by`: account,
    agent, model, day; none = all of them."""

    from_: str | None = None
    to: str | None = None
    by: tuple[str, ...] = ()


async def usage(world: World, request: Report) -> Usage:
    """What was used, from the journal on disk; every call that was answered by now is in it."""
    await world.models.settled()
    return await asyncio.to_thread(reported, world.home, request, now=world.clock.now())


def reported(home: Path, request: Report, *, now: float) -> Usage:
    """The same without a world. Blocking. InvalidInput for what is no day or key."""
    for key in request.by:
        if key not in KEYS:
            raise InvalidInput(f"by {key!r}: there is {', '.join(KEYS)}")
    first, last = span(request.from_, request.to, now=now)
    rows = summed(home, since=midnight(first), until=midnight(last) + DAY)
    return {
        "from": first.isoformat(), "to": last.isoformat(), "total": _total(rows),
        "rows": _grouped(rows, request.by or KEYS),
    }  # fmt: skip


def span(from_: str | None, to: str | None, *, now: float) -> tuple[date, date]:
    """The first and the last day, UTC. InvalidInput for what is no day, or the wrong way round."""
    today = datetime.fromtimestamp(now, UTC).date()
    last = _day(to, today, is_end=True) if to else today
    first = _day(from_, today) if from_ else min(today, last).replace(day=1)
    if first > last:
        raise InvalidInput(f"from {first} to {last}: that is the wrong way round")
    return first, last


def _day(text: str, today: date, *, is_end: bool = False) -> date:
    month = _MONTH.match(text)
    try:
        if month is not None:
            first = date(int(month[1]), int(month[2]), 1)
            return first if not is_end else (first + timedelta(31)).replace(day=1) - timedelta(1)
        if not text[:4].isdigit() or "-" not in text:
            return today - timedelta(seconds=seconds(text))
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{text!r} is no day such as 2026-01-31, 2026-01 or 7d (ago)") from None


def midnight(day: date) -> int:
    """Its start, in ms since the epoch."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _grouped(rows: Iterable[Sum], by: tuple[str, ...]) -> list[Json]:
    groups: dict[tuple[str, ...], list[Sum]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, key) for key in KEYS if key in by), []).append(row)
    kept = [key for key in KEYS if key in by]
    none: Json = dict.fromkeys(KEYS)
    return [
        {**none, **dict(zip(kept, group, strict=True)), **_total(groups[group])}
        for group in sorted(groups)
    ]


def _total(rows: Iterable[Sum]) -> Json:
    found = list(rows)
    return {
        "calls": sum(row.calls for row in found), "inputTokens": sum(row.input for row in found),
        "outputTokens": sum(row.output for row in found),
        "cachedTokens": sum(row.cached for row in found),
        "costMicroUsd": sum(row.cost for row in found),
        "unpriced": sum(row.unpriced for row in found),
        "estimated": sum(row.estimated for row in found),
        "estimatedMicroUsd": sum(row.estimated_cost for row in found),
    }  # fmt: skip
