"""View: what the engine tells of itself. Values, made afresh at each question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from p42.engine.held import Pending
from p42.model.diagnostic import Diagnostic
from p42.model.plan import Instant
from p42.model.reasons import Mend
from p42.model.refs import Ref
from p42.model.resource import Resource
from p42.model.status import Status

Result = Literal["created", "configured", "unchanged", "pruned", "deleted", "failed"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A step that a plan asks for: what `diff` prints and what `apply` then does."""

    ref: Ref
    step: str  # WriteFile
    detail: str  # one line for a person


@dataclass(frozen=True, slots=True)
class Unready:
    """What an apply would leave not ready: no step mends it, or it waits for work or the user."""

    ref: Ref
    status: Status


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an apply would do, and what it would leave undone."""

    steps: tuple[Planned, ...] = ()
    unready: tuple[Unready, ...] = ()  # as it stands, or as the steps would leave it
    held: tuple[Ref, ...] = ()  # deletions that wait for --prune
    broken: tuple[Diagnostic, ...] = ()
    pending: tuple[Pending, ...] = ()  # as it stands: changes that wait for a person's word


@dataclass(frozen=True, slots=True)
class Row:
    """One resource as it stands. `resource` is the one being reconciled (the last good one)."""

    ref: Ref
    resource: Resource
    status: Status
    drift: bool  # the plan has steps, or work is in flight
    steps: tuple[Planned, ...]
    observed: str  # digest of spec and files this status speaks of; "" = not looked at yet
    generation: int  # counts changes of spec under this home, from 1
    created: Instant
    changed: Instant  # when ready or reason last changed
    attempts: int  # failed tries since the last good one
    next_try: Instant | None
    needs: tuple[Ref, ...]
    needed_by: tuple[Ref, ...]
    paused: bool
    mend: Mend = Mend.TIME  # class of the reason; Waiting has its root's, a third bug is FAILED
    root: Ref | None = None  # what a Waiting waits for at the far end
    gone: bool = False  # its manifest is gone and it is being taken down


@dataclass(frozen=True, slots=True)
class View:
    """Everything at one moment. `broken` comes first wherever people read it."""

    rows: Mapping[Ref, Row]
    broken: tuple[Diagnostic, ...]
    held: tuple[Ref, ...]  # deletions that wait for --prune
    sources: tuple[str, ...]  # absolute paths that are followed


@dataclass(frozen=True, slots=True)
class Applied:
    """What one `apply` or `delete` did to the set of wishes, before any of it is real."""

    results: Mapping[Ref, Result]
    broken: tuple[Diagnostic, ...] = ()
    held: tuple[Ref, ...] = ()
