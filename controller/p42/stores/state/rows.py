"""Rows: what tables hold, sealed, and ledger entries as JSON that a person can read in a shell."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from p42.model.ledger import Entry
from p42.model.plan import Instant
from p42.model.refs import Ref
from p42.model.resource import Place, Resource

SEAL = 16  # hex digits: 64 bits against chance; who may write the file may also seal it


def sealed(*row: Any) -> tuple[Any, ...]:
    """The row with its seal behind it."""
    return (*row, hashlib.sha256(repr(row).encode("utf-8", "backslashreplace")).hexdigest()[:SEAL])


def unsealed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row without its seal. ValueError when a value is not what was written."""
    if sealed(*row[:-1]) != row:
        raise ValueError("a row of state.db is not what was written")
    return row[:-1]


def entry_text(entry: Entry) -> str:
    """One entry. ASCII only: paths may hold bytes that are no UTF-8."""
    place, resource = entry.resource.place, entry.resource
    return dumps(
        {
            "ref": str(entry.ref),
            "source": entry.source,
            "resource": {
                "place": [place.file, place.document, place.line, place.column],
                "spec": resource.spec,
                "files": {
                    name: base64.b64encode(data).decode() for name, data in resource.files.items()
                },
                "labels": dict(resource.labels),
                "annotations": dict(resource.annotations),
                "digest": resource.digest,
            },
            "needs": [str(ref) for ref in entry.needs],
            "deletion": entry.deletion,
            "generation": entry.generation,
            "created": entry.created,
            "paused": entry.paused,
            "held": entry.held,
            "reached": entry.reached,
            "let": entry.let,
            "head": entry.head,
        }
    )


def entry_from(text: str) -> Entry:
    """The entry that `entry_text` wrote. Unknown keys are a later version's and are left."""
    body = json.loads(text)
    return Entry(
        ref=Ref.parse(body["ref"]),
        source=body["source"],
        resource=_resource(Ref.parse(body["ref"]), body["resource"]),
        needs=tuple(Ref.parse(ref) for ref in body["needs"]),
        deletion=body["deletion"],
        generation=body["generation"],
        created=Instant(body["created"]),
        paused=body["paused"],
        held=body.get("held", False),  # later than the first rows of this table
        reached=body.get("reached", ""),
        let=body.get("let"),
        head=body.get("head", ""),
    )


def _resource(ref: Ref, body: dict[str, Any]) -> Resource:
    return Resource(
        ref=ref,
        place=Place(*body["place"]),
        spec=body["spec"],
        files={name: base64.b64decode(data) for name, data in body["files"].items()},
        labels=body["labels"],
        annotations=body["annotations"],
        digest=body["digest"],
    )


def dumps(value: Any) -> str:
    """Compact JSON with keys in their order."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def clean(text: str) -> str:
    """`text` as SQLite takes it: bytes of file names that are no UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
