"""Status: whether a thing is ready and why, as values. What is settled goes to the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Ready = Literal["True", "False", "Unknown"]
Facts = Mapping[str, Any]  # JSON values only

_NOTHING: Facts = {}


@dataclass(frozen=True, slots=True)
class Status:
    """What a plan says of a thing.

    `template` is the message as the manifest may carry it: a fixed sentence filled from the spec
    and refs only, no times, counters, pids, paths of a home or drawn ports ("" = none).
    `message` is for people and may say all of that; it falls back to `template`.
    `facts` are settled too (`endpoint: auto`); `live` is shown by `get -o yaml` only.
    """

    ready: Ready
    reason: str
    message: str = ""
    template: str = ""
    facts: Facts = field(default_factory=lambda: _NOTHING)
    live: Facts = field(default_factory=lambda: _NOTHING)

    @property
    def text(self) -> str:
        """The fullest message there is."""
        return self.message or self.template


def reconciled(*, facts: Facts = _NOTHING, live: Facts = _NOTHING, message: str = "") -> Status:
    """Ready, and nothing more to say."""
    return Status("True", "Reconciled", message=message, facts=facts, live=live)


def in_progress(message: str) -> Status:
    """Steps or work are under way."""
    return Status("Unknown", "InProgress", message=message)
