"""Project files: what a project says of itself, in files that anybody may have put there.

A link is followed only within its directory: a repository that is cloned must not be able to have a
key of its reader's told to a model.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from p42.model.errors import Blocked
from p42.model.instructions import NAMES, none_in, told

LARGEST = 64 << 10  # bytes read of one file


def within(path: Path) -> Path | None:
    """The readable file at `path`, resolved; None = none, or a link that leads elsewhere."""
    try:
        found = path.resolve(strict=True)
        inside = found.is_relative_to(path.parent.resolve(strict=True))
        return found if inside and found.is_file() and os.access(found, os.R_OK) else None
    except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle
        return None


def first_of(directory: Path, names: Iterable[str]) -> tuple[str, str]:
    """Name and text of the first that is there and says something; ("", "") = none does."""
    for name in names:
        text = _read(directory / name)
        if text:
            return name, text
    return "", ""


async def instructions(directory: str) -> str:
    """The system text of an agent's `projectPath`. Blocked where there is no such file."""
    return await asyncio.to_thread(_instructions, directory)


def _instructions(directory: str) -> str:
    place = Path(os.path.expanduser(directory))  # noqa: PTH111 - pathlib's raises
    name, text = first_of(place, NAMES)
    if not name:
        raise Blocked(none_in(directory))
    return told(name, directory, text)


def _read(path: Path) -> str:
    found = within(path)
    if found is None:
        return ""
    try:
        with found.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError:
        return ""
    text = data[:LARGEST].decode(errors="replace").strip()
    return text if len(data) <= LARGEST else f"{text}\n[cut here: the file is longer]"
