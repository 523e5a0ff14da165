"""Plan: what must be done, in order, and what can be said meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, NewType, Protocol, TypeVar

from p42.model.status import Status

Instant = NewType("Instant", float)  # wall time, seconds since the epoch, UTC
Seconds = float


def rfc3339(instant: Instant) -> str:
    """UTC, whole seconds: 2026-11-21T19:54:13Z."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Step(Protocol):
    """One effect, as a frozen dataclass of its kind; its class name is its name in `diff`."""

    @property
    def detail(self) -> str:
        """One line for a person: what exactly this step changes."""


StepT = TypeVar("StepT", bound=Step, covariant=True)


@dataclass(frozen=True, slots=True)
class Plan(Generic[StepT]):
    """The answer to "what must be done?".

    Empty `steps` and not `in_flight` is the fixed point: in sync. `status` is what holds if the
    steps are not taken. `again` asks for another look in so many seconds (None: only on events).
    A plan with steps, or with work in flight, never says ready.
    """

    steps: tuple[StepT, ...]
    status: Status
    again: Seconds | None = None
    in_flight: bool = False


def name_of(step: Step) -> str:
    """The step's name as `diff` prints it."""
    return type(step).__name__


@dataclass(frozen=True, slots=True)
class Outcome:
    """How work in flight ended. `work` is the id made of its inputs; `result` was committed.

    "" for `work` stands for whatever is in flight: a dry run plays it to its end unseen.
    """

    work: str
    ok: bool
    detail: str = ""
    result: bytes = b""
