"""Locks: whether what is pinned beside a manifest (`forged/NAME.lock.yaml`) can be read."""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH118, PTH120
from __future__ import annotations

import os
import re
from collections.abc import Iterator

from p42.manifest.attached import lock_of, picked
from p42.manifest.finding import Finding, diagnose
from p42.manifest.kindbook import KindBook
from p42.model.diagnostic import Diagnostic
from p42.model.resource import Resource

_LINE = re.compile(r"line (\d+): ")
_REMEDY = "mend it, or delete it: then it is forged anew"


def unreadable(resource: Resource, book: KindBook) -> Iterator[Diagnostic]:
    """What is wrong with the lock that came with `resource`: what its plan would be blocked on."""
    entry = book.entries.get(resource.ref.kind)
    name = lock_of({"metadata": {"name": resource.ref.name}})
    locked = entry is not None and any(
        any(picked({"spec": resource.spec}, marked)) for marked in entry.locks
    )
    data = resource.files.get(name)
    if not locked or data is None:
        return
    from p42.scripts.lock import parse  # `validate` has to be quick, and few have a lock
    from p42.scripts.reply import Unfit

    try:
        parse(data)
    except Unfit as error:
        file = os.path.join(os.path.dirname(resource.place.file), name)
        yield _diagnosed(file, data, str(error))


def _diagnosed(file: str, data: bytes, problem: str) -> Diagnostic:
    found = _LINE.match(problem)
    line = int(found[1]) if found else 1
    text = data.decode(errors="replace")
    before = text.split("\n")[: line - 1]
    at = sum(len(each) + 1 for each in before)
    end = max(at + 1, text.find("\n", at))
    told = problem[found.end() :] if found else problem
    return diagnose(Finding(at, end, "lock", told, "", _REMEDY), file, text)
