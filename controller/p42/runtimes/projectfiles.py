"""Project files: what a project says of itself, in files that anybody may have put there.

A link is followed only within its directory: a repository that is cloned must not be able to have a
key of its reader's told to a model. A name is found in any case, as people write it: as it is asked
for first, then in the order of characters. What is no text is as good as not there.
"""

from __future__ import annotations

import asyncio
import codecs
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from p42.model.errors import Blocked
from p42.model.instructions import NAMES, none_in, told

LARGEST = 64 << 10  # bytes read of one file; a multiple of 4, so that no UTF-32 is cut amiss
LEAST = 3 / 4  # of a text's characters that are some: Latin-1 has fewer odd ones, KOI8-R has not
# The longer first: UTF-32 begins as UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_PLAIN = "\t\n\r\f\x1b"  # control characters that stand in texts: ends, tabs, pages, colours


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
        for found in spelled(directory, name):
            text = _read(directory / found)
            if text:
                return found, text
    return "", ""


def spelled(directory: Path, name: str) -> Iterator[str]:
    """`name`, then what stands in `directory` under that name in another case, in order."""
    yield name
    try:
        names = [each.name for each in directory.iterdir()]
    except (OSError, ValueError):  # none, no directory, or a NUL in its name
        return
    same = name.casefold()
    yield from sorted(each for each in names if each != name and each.casefold() == same)


def text_of(data: bytes) -> str:
    """The text, read by its byte order mark, else as UTF-8, without blank ends; "" = it is none."""
    mark, encoding = next((m for m in _MARKS if data.startswith(m[0])), (b"", "utf-8"))
    text = data[len(mark) :].decode(encoding, errors="replace").strip()
    if "\0" in text:
        return ""
    odd = sum(each == "\ufffd" or (each < " " and each not in _PLAIN) for each in text)
    return text if odd <= (1 - LEAST) * len(text) else ""


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
    text = text_of(data[:LARGEST])
    return f"{text}\n[cut here: the file is longer]" if text and len(data) > LARGEST else text
