"""Event: something that happened to a ref, for people; equal ones in a row are one, counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from p42.model.plan import Instant
from p42.model.refs import Ref


@dataclass(frozen=True, slots=True)
class Event:
    """`ref` None = p42 itself. `id` names it over its changes: the count grows, the id stays."""

    id: int
    ref: Ref | None
    reason: str
    message: str
    warning: bool
    count: int
    first: Instant
    last: Instant

    def as_json(self) -> dict[str, Any]:
        """One line of `p42 events -o json`."""
        return {
            "kind": self.ref.kind if self.ref else None,
            "name": self.ref.name if self.ref else None,
            "type": "Warning" if self.warning else "Normal",
            "reason": self.reason,
            "message": self.message,
            "count": self.count,
            "first": _utc(self.first),
            "last": _utc(self.last),
        }

    def row(self) -> tuple[int, str | None, str | None, str, str, bool, int, float, float]:
        """As the table holds it."""
        kind, name = self.ref or (None, None)
        told = (self.reason, self.message, self.warning, self.count)
        return self.id, kind, name, *told, self.first, self.last


def event_from(row: tuple[Any, ...]) -> Event:
    """The event that `row` gave."""
    number, kind, name, reason, message, warning, count, first, last = row
    ref = None if kind is None else Ref(kind, name)
    return Event(number, ref, reason, message, bool(warning), count, first, last)


def _utc(instant: Instant) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
