"""MemoryRead: one file of an original's `memory/sessions` as a conversation.

The files are foreign: slugs may hold anything, a state may say active after an end, and times may
be none. A time that is none is taken from what stands beside it, and loses no word. What no turn
can hold, messages of other roles first of all, is named, so that its file is never written over.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from p42.model.errors import InvalidInput
from p42.model.plan import Instant
from p42.model.session import Session, Turn
from p42.stores.sessions.rows import LAST_MOMENT, LONGEST, fit
from p42.stores.state.rows import clean

LARGEST = 16 << 20  # bytes of one file
TITLE = 80  # characters
SHOWN = 30  # characters of a foreign role
ROLES = ("user", "assistant")


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a file. `session.file` is its path.

    `odd`: of each message that no turn holds as it stands, what is odd; () = all of it was read.
    """

    session: Session
    turns: tuple[Turn, ...]
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """Why nothing can be made of a file, and its `stamp`: changed, it is looked at again."""

    why: str
    stamp: str


def read(directory: Path, name: str, path: str) -> Found | Unread:
    """The conversation in `directory`/`name`; it is noted as `path`. Blocking; raises nothing."""
    stamp = ""
    try:
        stamp, data, at = _bytes(directory / name)
        body = json.loads(data)
    except OSError as error:
        return Unread(error.strerror or type(error).__name__, stamp)
    except (ValueError, RecursionError):
        return Unread("it is no JSON", stamp)
    if not isinstance(body, Mapping) or not isinstance(body.get("id"), str | int):
        return Unread("it is no conversation: there is no id", stamp)
    try:
        found = _conversation(body, path, otherwise=_second(name, at))
        fit(found.session, found.turns)
    except InvalidInput as error:
        return Unread(str(error), stamp)
    return found


def has(whole: Sequence[Turn], part: Sequence[Turn]) -> bool:
    """Whether `whole` begins with all that was said in `part`."""
    mine = [(turn.role, turn.content) for turn in whole if turn.role != "tool"]
    theirs = [(turn.role, turn.content) for turn in part]
    return mine[: len(theirs)] == theirs


def stamp_of(path: Path) -> str:
    """Changes with the file; "" = there is none."""
    try:
        return _stamp(path.stat())
    except OSError:
        return ""


def _bytes(path: Path) -> tuple[str, bytes, float]:
    """Stamp, content, time of the last change. Not more than a little too much is read."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(number, "rb") as file:
        seen = os.fstat(number)
        if not stat.S_ISREG(seen.st_mode):
            raise OSError(0, "it is no plain file")
        if seen.st_size > LARGEST:
            raise OSError(0, f"it is larger than {LARGEST >> 20} MiB")
        return _stamp(seen), file.read(LARGEST), seen.st_mtime


def _stamp(seen: os.stat_result) -> str:
    return f"{seen.st_mtime_ns}:{seen.st_size}"


def _conversation(body: Mapping[str, Any], path: str, *, otherwise: Instant) -> Found:
    created, messages = _instant(body.get("created_at")), body.get("messages") or []
    every = messages if isinstance(messages, list) else [messages]
    turns = tuple(_turns(every, otherwise if created is None else created))
    if created is None:
        created = turns[0].at if turns else otherwise
    last = max(_instant(body.get("updated_at")) or created, *(t.at for t in turns), created)
    command, metadata = _part(body, "command_generated"), _part(body, "metadata")
    agent = str(body.get("agent") or "").removeprefix("@").removeprefix("ai-")
    session = Session(
        str(body["id"]), clean(agent), created, Instant(last), messages=len(turns),
        ended=body.get("state") == "completed", title=_title(turns),
        command=clean(str(command.get("name") or "")),
        answered=clean(str(metadata.get("model") or ""))[:LONGEST], file=path,
    )  # fmt: skip
    return Found(session, turns, tuple(why for each in every if (why := _odd(each))))


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def _turns(messages: Sequence[Any], at: Instant) -> Iterator[Turn]:
    """`at`: of a message that has no time and is the first."""
    number = 0
    for each in messages:
        if not isinstance(each, Mapping) or each.get("role") not in ROLES:
            continue
        at = _instant(each.get("timestamp")) or at
        said = each.get("content")
        content = clean(str("" if said is None else said))
        yield Turn(number, each["role"], content, at, bool(each.get("cut")))
        number += 1


def _odd(message: Any) -> str:
    """Why no turn holds it as it stands; "" = one does."""
    if not isinstance(message, Mapping):
        return "no message"
    role = message.get("role")
    if role not in ROLES:
        return f"role {clean(str(role))[:SHOWN]!r}" if role else "no role"
    return "" if isinstance(message.get("content"), str) else "content that is no text"


def _title(turns: tuple[Turn, ...]) -> str:
    first = next((turn.content for turn in turns if turn.role == "user"), "")
    return " ".join(first.split()[:8])[:TITLE]


def _second(name: str, changed: float) -> Instant:
    """Of its creation, which the name holds; else of its last change."""
    digits = name.rpartition("/")[2].removeprefix("session-").partition("-")[0]
    known = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 12 else None
    found = changed if known is None or known > LAST_MOMENT else known
    return Instant(float(min(max(found, 0), LAST_MOMENT)))


def _instant(text: Any) -> Instant | None:
    """RFC 3339 with any number of digits. None = it is no time; Go's zero time is none."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return None
    whole, dot, rest = text.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        text = f"{whole}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return Instant(found) if 0 <= found <= LAST_MOMENT else None
