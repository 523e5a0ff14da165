"""Tables: rows as text for people, made here so that `p42 get` prints without computing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p42.api.selecting import values_at
from p42.api.shapes import Table, object_of
from p42.engine.view import Row, View
from p42.model.diagnostic import Diagnostic
from p42.model.kind import AnyKind, Column
from p42.model.plan import Instant
from p42.model.quantity import age
from p42.model.refs import Ref

NOTHING = "-"  # in a cell that has no value
_STATUS = ["KIND", "NAME", "READY", "DRIFT", "REASON", "AGE", "MESSAGE"]


def of_kind(rows: Sequence[Row], kind: AnyKind, now: Instant, *, wide: bool) -> Table:
    """What one kind shows: its name, its own columns, how it is."""
    own = [column for column in kind.columns if wide or not column.wide]
    titles = ["NAME", *(column.title for column in own), "READY", "REASON", "AGE"]
    cells = [[row.ref.name, *_own(row, own), *_state(row, now)] for row in rows]
    return _table(titles, cells, rows, f"no {kind.plural} declared", wide)


def of_all(rows: Sequence[Row], now: Instant, *, wide: bool) -> Table:
    """Several kinds in one table."""
    cells = [[row.ref.kind, row.ref.name, *_state(row, now)] for row in rows]
    titles = ["KIND", "NAME", "READY", "REASON", "AGE"]
    return _table(titles, cells, rows, "nothing declared", wide)


def of_status(view: View, now: Instant) -> Table:
    """`get status`: what is broken first, then one row per resource."""
    broken = [_broken(finding) for finding in view.broken if finding.severity == "error"]
    return {
        "columns": _STATUS, "rows": broken + [_status(row, now) for row in _sorted(view.rows)],
        "empty": "nothing declared; try: p42 apply -f DIRECTORY",
    }  # fmt: skip


def _table(
    titles: list[str], cells: list[list[str]], rows: Sequence[Row], empty: str, wide: bool
) -> Table:
    if wide:
        titles = [*titles, "FILE", "MESSAGE"]
        cells = [
            [*line, f"{row.resource.place.file}:{row.resource.place.line}", row.status.text]
            for line, row in zip(cells, rows, strict=True)
        ]
    return {"columns": titles, "rows": cells, "empty": empty}


def _own(row: Row, columns: Sequence[Column]) -> list[str]:
    if not columns:
        return []
    body = object_of(row)
    return [_cell(values_at(body, column.value)) for column in columns]


def _cell(values: list[Any]) -> str:
    texts = []
    for value in values:
        if isinstance(value, bool):
            texts.append("true" if value else "false")
        elif isinstance(value, list | tuple):
            texts.append(",".join(str(item) for item in value))
        elif value is not None:
            texts.append(str(value))
    return ",".join(text for text in texts if text) or NOTHING


def _state(row: Row, now: Instant) -> list[str]:
    return [row.status.ready, row.status.reason, age(now - row.created)]


def _status(row: Row, now: Instant) -> list[str]:
    return [
        row.ref.kind, row.ref.name, row.status.ready, "yes" if row.drift else "no",
        row.status.reason, age(now - row.created), row.status.text,
    ]  # fmt: skip


def _broken(finding: Diagnostic) -> list[str]:
    where = f"{finding.file}:{finding.line}:{finding.column}"
    message = f"{finding.path}: {finding.message}" if finding.path else finding.message
    return ["-", where, "False", "-", "Invalid", "-", message]


def _sorted(rows: Mapping[Ref, Row]) -> list[Row]:
    return [rows[ref] for ref in sorted(rows)]
