"""Unlinked: followed sources by their real paths, once and for all.

A source used to be kept as it was given. Whoever could turn a link on that way (`ln -s ../m here`)
turned what p42 followed. From here on a source is where it led when it was given; of older ones,
where they lead at the one start that finds them so.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from p42.model.ledger import Entry
from p42.stores.state import rows

_PUT = "UPDATE ledger SET body = ?, seal = ? WHERE kind = ? AND name = ?"
_FOLLOW = "INSERT OR IGNORE INTO sources (path, seal, position) VALUES (?, ?, ?)"


def unlink(connection: sqlite3.Connection) -> None:
    """A step of the schema. A row that cannot be read is left, for who finds the damage."""
    found = connection.execute("SELECT path, seal FROM sources ORDER BY position").fetchall()
    try:
        given = [str(json.loads(rows.unsealed(row)[0])) for row in found]
        entries = connection.execute("SELECT kind, name, body, seal FROM ledger").fetchall()
        bodies = [rows.entry_from(rows.unsealed(row)[2]) for row in entries]
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    real = {path: os.path.realpath(path) for path in given}
    if all(path == led for path, led in real.items()):
        return
    connection.execute("DELETE FROM sources")
    for position, path in enumerate(_outermost(real.values()), 1):
        connection.execute(_FOLLOW, (*rows.sealed(json.dumps(path)), position))
    for entry in bodies:
        row = rows.sealed(*entry.ref, rows.entry_text(_moved(entry, real)))
        connection.execute(_PUT, (*row[2:], *row[:2]))


def _outermost(paths: Iterable[str]) -> list[str]:
    """Each once, without those inside another: those add nothing."""
    once = list(dict.fromkeys(paths))
    return [p for p in once if not any(p != q and _below(p, q) is not None for q in once)]


def _moved(entry: Entry, real: dict[str, str]) -> Entry:
    """`entry` as found in the real source."""
    led = real.get(entry.source, entry.source)
    inside = _below(entry.resource.place.file, entry.source)
    if led == entry.source or inside is None:
        return replace(entry, source=led)
    place = replace(entry.resource.place, file=led + inside)
    return replace(entry, source=led, resource=replace(entry.resource, place=place))


def _below(path: str, source: str) -> str | None:
    """What stands behind `source` in `path`; None = it does not lie in it."""
    inside = path == source or path.startswith(source.rstrip("/") + "/")
    return path[len(source.rstrip("/")) :] if inside else None
