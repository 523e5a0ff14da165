"""Shapes: the JSON forms of CONTRACT.md, made from the engine's values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NotRequired, TypedDict

from p42.engine.view import Forecast, Planned, Row, View
from p42.model.diagnostic import Diagnostic, has_errors
from p42.model.errors import Exit
from p42.model.plan import Instant, rfc3339
from p42.model.reasons import Mend
from p42.model.refs import Ref
from p42.model.resource import API_VERSION

Json = dict[str, Any]


class Coded(TypedDict, total=False):
    """`code` is the exit code of CONTRACT.md; absent means 0."""

    code: int


class Listed(TypedDict):
    """A list of OBJECT."""

    apiVersion: str
    kind: str
    items: list[Json]


class Items(Coded):
    """Rows of one sort."""

    items: list[Json]


class Hits(Items):
    """What a search found: the best of the latest `ranked` that matched; `more`: earlier ones
    matched, too."""

    ranked: int
    more: bool


class Overview(Coded):
    """`get status -o json`."""

    inSync: bool
    items: list[Json]
    broken: list[Json]
    held: list[str]


class Results(Coded):
    """What apply and delete did."""

    results: list[Json]
    broken: list[Json]
    held: list[str]


class Steps(Coded):
    """What `diff` prints. What is empty, but for the steps, is left out."""

    steps: list[Json]
    notReady: NotRequired[list[Json]]
    held: NotRequired[list[str]]
    broken: NotRequired[list[Json]]
    approvals: NotRequired[list[Json]]


class Table(TypedDict):
    """Cells as text, for people. `empty` is said where there are no rows."""

    columns: list[str]
    rows: list[list[str]]
    empty: str


class Done(TypedDict):
    """It was done to these."""

    refs: list[str]


def when(instant: Instant | None) -> str | None:
    """RFC 3339, UTC, whole seconds."""
    return None if instant is None else rfc3339(instant)


def object_of(row: Row, *, written: str = "") -> Json:
    """OBJECT: the document with its live status. Parts that are empty are left out of metadata.

    `written`: where its status went; a place that is not the file becomes a condition.
    """
    resource = row.resource
    metadata: Json = {"name": row.ref.name}
    if resource.labels:
        metadata["labels"] = dict(resource.labels)
    if resource.annotations:
        metadata["annotations"] = dict(resource.annotations)
    return {
        "apiVersion": API_VERSION, "kind": row.ref.kind, "metadata": metadata,
        "spec": dict(resource.spec), "status": status_of(row, written),
    }  # fmt: skip


def status_of(row: Row, written: str = "") -> Json:
    """The live status: what the file would say, and times, counters and full messages."""
    condition: Json = {"type": "Ready", "status": row.status.ready, "reason": row.status.reason}
    if row.status.text:
        condition["message"] = row.status.text
    condition["lastTransitionTime"] = when(row.changed)
    body: Json = {"observedSpec": row.observed, "conditions": [condition]}
    mode, _, why = written.partition(": ")
    if why:
        beside = {"type": "StatusWritten", "status": "False", "reason": mode.capitalize()}
        body["conditions"].append({**beside, "message": why})
    body |= {**row.status.facts, **row.status.live}
    body |= {"generation": row.generation, "created": when(row.created), "drift": row.drift}
    if row.paused:
        body["paused"] = True
    if row.next_try is not None:
        body |= {"attempts": row.attempts, "nextTry": when(row.next_try)}
    return body


def item_of(row: Row) -> Json:
    """One line of `get status -o json`."""
    return {
        "kind": row.ref.kind, "name": row.ref.name, "ready": row.status.ready, "drift": row.drift,
        "reason": row.status.reason, "message": row.status.text,
        "file": row.resource.place.file, "line": row.resource.place.line,
    }  # fmt: skip


def result_of(ref: Ref, result: str, row: Row | None) -> Json:
    """One line of `apply -o json`. A row that is gone is ready in its way: nothing is left."""
    return {
        "kind": ref.kind, "name": ref.name,
        "result": "failed" if row is not None and row.mend is Mend.FAILED else result,
        "ready": "False" if row is None else row.status.ready,
        "reason": "" if row is None else row.status.reason,
        "message": "" if row is None else row.status.text,
    }  # fmt: skip


def progress(change: Row | Ref) -> Json:
    """A change in a stream: the line of `get status` and the class of its reason, which for Waiting
    is its root's; a Ref is one that is no more."""
    if isinstance(change, Row):
        return {**item_of(change), "mend": change.mend}
    return gone(change)


def gone(ref: Ref) -> Json:
    """What a stream says of one that is no more."""
    return {"kind": ref.kind, "name": ref.name, "gone": True}


def step_of(planned: Planned) -> Json:
    """One line of `diff -o json`."""
    return {
        "kind": planned.ref.kind, "name": planned.ref.name,
        "step": planned.step, "detail": planned.detail,
    }  # fmt: skip


def forecast(told: Forecast) -> Steps:
    """`diff -o json`. Code 2 for steps, and for what no step makes ready."""
    answer: Steps = {"steps": [step_of(each) for each in told.steps], "code": Exit.OK}
    if told.unready:
        answer["notReady"] = [
            {"kind": ref.kind, "name": ref.name, "reason": each.status.reason,
             "message": each.status.text}
            for each in told.unready for ref in [each.ref]
        ]  # fmt: skip
    if told.held:
        answer["held"] = [str(ref) for ref in told.held]
    if has_errors(told.broken):
        answer["broken"] = diagnostics(told.broken)
    if answer["steps"] or len(answer) > 2:
        answer["code"] = Exit.DIFFERS
    return answer


def diagnostics(found: Iterable[Diagnostic]) -> list[Json]:
    """DIAGNOSTIC, with what a terminal needs for the caret line beside it."""
    return [{**each.as_json(), "excerpt": each.excerpt, "width": each.width} for each in found]


def overview(view: View) -> Overview:
    """All of it. Code 2 for drift, pending, not ready, broken or held."""
    rows = [view.rows[ref] for ref in sorted(view.rows)]
    in_sync = not has_errors(view.broken) and not view.held and all(is_in_sync(row) for row in rows)
    return {
        "inSync": in_sync, "items": [item_of(row) for row in rows],
        "broken": diagnostics(view.broken), "held": [str(ref) for ref in view.held],
        "code": Exit.OK if in_sync else Exit.DIFFERS,
    }  # fmt: skip


def is_in_sync(row: Row) -> bool:
    """Ready, without drift, of the spec as it stands."""
    return row.status.ready == "True" and not row.drift and not row.gone
