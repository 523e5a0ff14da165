"""Approving: what waits for a person's word, as a difference to read, and the word.

The difference is text that any terminal may show: what would be invisible, or would move the
cursor, stands in it as `<U+202E>`. A person agrees to what they have seen, so a digest goes with
each, and a change in between is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
from collections.abc import Iterable, Sequence

from p42.api.asking import asks
from p42.api.house import engine_of, house_of
from p42.api.shapes import Done, Items, Json
from p42.api.words import must_exist, ref_of
from p42.engine.held import Pending
from p42.model.errors import InvalidInput
from p42.model.ports import World
from p42.model.refs import Ref

MOST_LINES = 5000  # of both sides; from here on a difference takes seconds, and nobody reads it
MOST_TEXT = 256 << 10  # characters of one difference; a reader is told what is missing
NOTHING = "/dev/null"
# s; who asks how it stands next is not told that it waits for approval. Tests may go on for longer.
LOOKED_AT = 2.0


@asks
class Waiting:
    """KIND/NAME; none = every change that waits."""

    refs: tuple[str, ...] = ()


@asks
class Approve:
    """KIND/NAME, and for each the `digest` of `approvals`: what the person was shown."""

    refs: tuple[str, ...]
    digests: tuple[str, ...]


async def approvals(world: World, request: Waiting) -> Items:
    """What waits, each with why, what it would run, and how that differs from what runs now."""
    refs = _refs(world, request.refs) if request.refs else None
    found = await engine_of(world).pending(refs)
    return {"items": await asyncio.to_thread(lambda: [waiting(each) for each in found])}


async def approve(world: World, request: Approve) -> Done:
    """All of them or none: what changed since it was shown is refused."""
    if len(request.refs) != len(request.digests) or not request.refs:
        raise InvalidInput("approve takes KIND/NAME, and as many digests: see `approvals`")
    refs = _refs(world, request.refs)
    engine = engine_of(world)
    await engine.approve(dict(zip(refs, request.digests, strict=True)))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOKED_AT):
            await engine.settle(refs)
    return {"refs": [str(ref) for ref in refs]}


def waiting(pending: Pending) -> Json:
    """One change that waits."""
    place = pending.place
    return {
        "kind": pending.ref.kind, "name": pending.ref.name, "why": pending.why,
        "message": pending.sentence, "file": place.file, "line": place.line,
        "digest": pending.digest, "diff": difference(pending), "by": pending.by,
    }  # fmt: skip


def difference(pending: Pending) -> str:
    """A unified diff of what runs and what would, every line of it fit to be shown."""
    name = f"{pending.ref.kind.lower()}/{pending.ref.name}"
    old, new = _lines(pending.old), _lines(pending.new)
    if old and old[-1:] == new[-1:] and pending.old[-1:] != pending.new[-1:]:
        (new if pending.old.endswith(b"\n") else old).append("(no line feed at its end)")
    names = (f"{name} as it runs" if old else NOTHING, f"{name} as it would run")
    if len(old) + len(new) > MOST_LINES:
        count = f"@@ {len(old)} lines become {len(new)}, too many to compare: all of them @@"
        lines: Iterable[str] = (f"--- {names[0]}", f"+++ {names[1]}", count, *_added(new))
    else:
        lines = difflib.unified_diff(old, new, *names, lineterm="")
    return _bounded(list(lines), pending)


def _added(lines: Sequence[str]) -> list[str]:
    return [f"+{line}" for line in lines]


def _bounded(lines: Sequence[str], pending: Pending) -> str:
    text, size = [], 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > MOST_TEXT:
            left = len(lines) - number
            text.append(f"@@ {left} more lines are not shown: read {pending.place} first @@")
            break
        text.append(line)
    return "\n".join(text)


def _lines(data: bytes) -> list[str]:
    """The lines of `data`; only a line feed ends one."""
    text = data.decode("utf-8", "backslashreplace")
    return [_visible(line) for line in text.removesuffix("\n").split("\n")] if text else []


def _visible(line: str) -> str:
    """`line` with nothing in it that a reader would not see. A tab is seen well enough."""
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() or c == "\t" else f"<U+{ord(c):04X}>" for c in line)


def _refs(world: World, texts: Sequence[str]) -> list[Ref]:
    refs = [ref_of(house_of(world).kinds, text) for text in texts]
    must_exist(refs, engine_of(world).view().rows)
    return refs
