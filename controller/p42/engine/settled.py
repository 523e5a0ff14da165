"""Settled: the part of a status that is a function of spec and settled state alone.

No times, counters, pids, ports that were drawn, or order of events: two machines on which all is
well write the same bytes. What passes by itself is not written at all.
"""

from __future__ import annotations

from typing import Any

from p42.engine.needs import Cause
from p42.model.reasons import REASONS
from p42.model.status import Status


def is_settled(status: Status, cause: Cause | None) -> bool:
    """Whether the state may be written. Waiting is as settled as its root cause."""
    if cause is not None and cause.reason in REASONS:
        return REASONS[cause.reason].settled
    return REASONS[status.reason].settled


def body_of(status: Status, observed: str, cause: Cause | None) -> dict[str, Any] | None:
    """The status block for the file; None = leave the last one standing."""
    if not is_settled(status, cause):
        return None
    condition = {"type": "Ready", "status": status.ready, "reason": status.reason}
    if status.template:
        condition["message"] = status.template
    return {"observedSpec": observed, "conditions": [condition], **status.facts}
