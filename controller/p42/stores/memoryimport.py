"""MemoryImport: an original's `memory/` read in: what is not known yet becomes a session.

The files are foreign: two may have one id (the later `updated_at` counts), slugs may hold anything,
and a state may say active after an end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from p42.model.plan import Instant
from p42.model.session import Session, Turn

LARGEST = 16 << 20  # bytes of one file
TITLE = 80  # characters


def conversations(home: Path) -> list[tuple[Session, list[Turn]]]:
    """Every conversation under `memory/sessions`; files that are none are left alone. Blocking."""
    found: dict[str, tuple[Session, list[Turn]]] = {}
    for path in sorted((home / "memory" / "sessions").glob("*/session-*.json")):
        read = _read(path)
        if read is not None and read[0].id:
            known = found.get(read[0].id)
            if known is None or known[0].last <= read[0].last:
                found[read[0].id] = read
    return list(found.values())


def _read(path: Path) -> tuple[Session, list[Turn]] | None:
    try:
        if path.stat().st_size > LARGEST:
            return None
        body = json.loads(path.read_bytes())
        turns = list(_turns(body.get("messages") or ()))
        created = _instant(body["created_at"])
        last = max([_instant(body.get("updated_at") or body["created_at"]),
                    *(turn.at for turn in turns)])  # fmt: skip
        command = body.get("command_generated") or {}
        session = Session(
            str(body["id"]), str(body.get("agent") or "").removeprefix("@").removeprefix("ai-"),
            created, Instant(last), messages=len(turns), ended=body.get("state") == "completed",
            title=_title(turns), command=str(command.get("name") or ""),
            model=str((body.get("metadata") or {}).get("model") or ""),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return session, turns


def _turns(messages: Any) -> Iterator[Turn]:
    number = 0
    for each in messages:
        if isinstance(each, Mapping) and each.get("role") in ("user", "assistant"):
            at = _instant(each.get("timestamp") or "")
            yield Turn(
                number, each["role"], str(each.get("content", "")), at, bool(each.get("cut"))
            )
            number += 1


def _title(turns: list[Turn]) -> str:
    first = next((turn.content for turn in turns if turn.role == "user"), "")
    return " ".join(first.split()[:8])[:TITLE]


def _instant(text: str) -> Instant:
    """RFC 3339 with any number of digits; Go's zero time is 0."""
    if not text or text.startswith("0001-"):
        return Instant(0.0)
    whole, dot, rest = text.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        text = f"{whole}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"
    return Instant(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
