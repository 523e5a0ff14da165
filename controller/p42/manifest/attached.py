"""Attached: the files a spec names (`sourceFile`, `personaFile`), read with their manifest.

So is the lock beside it (`forged/NAME.lock.yaml`) of what is forged from a prompt; that need not be
there. Named relative to the manifest, inside the source directory: whoever may change a file of the
source may change what runs, and nobody else.
"""

# Thousands of paths a look; pathlib takes ten times as long, and 5 ms to import.
# ruff: noqa: PTH117, PTH118, PTH120
from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from p42.manifest import disk, links
from p42.manifest.disk import Signature
from p42.manifest.finding import Finding
from p42.manifest.kindbook import KindEntry, Marked
from p42.manifest.parse import Document, Path, locate, show
from p42.manifest.sentences import shown

SIZE_LIMIT = 1 << 20  # bytes; a script, not a program


class Attached(NamedTuple):
    """`files` by the name the spec uses; `signatures` by absolute path, None = not there."""

    files: Mapping[str, bytes]
    signatures: Mapping[str, Signature | None]
    findings: tuple[Finding, ...]
    busy: bool = False
    fresh: bool = False


NOTHING = Attached({}, {}, ())

Flaw = tuple[str, str, str]  # code, what is wrong with the file, what to do
_OUTSIDE: Flaw = ("file-outside", "lies outside of the source directory",
                  "name a file beside the manifest or below")  # fmt: skip


def attach(
    document: Document, value: Any, entry: KindEntry, *, manifest: str, root: str, leased: bool
) -> Attached:
    """Read what the document names. `manifest` and `root` (its source) are absolute paths."""
    named = [found for marked in entry.files for found in picked(value, marked)]
    locks = {path: lock_of(value) for marked in entry.locks for path, _ in picked(value, marked)}
    named += locks.items()
    texts = {path for marked in entry.texts for path, _ in picked(value, marked)}
    if not named:
        return NOTHING
    files: dict[str, bytes] = {}
    signatures: dict[str, Signature | None] = {}
    findings = []
    busy = fresh = False
    for path, name in named:
        target = os.path.normpath(os.path.join(os.path.dirname(manifest), name))
        real = _inside(name, target, root)
        flaw = _OUTSIDE if real is None else None
        if real is None and links.lies_in(target, root):
            signatures[target] = disk.signature_at(target)  # so that its mending is seen
        if real is not None:
            reading = disk.read(real, limit=SIZE_LIMIT, leased=leased, root=root)
            # By both names: whichever is written to, or turned, the manifest says something new.
            signatures[target] = signatures[real] = reading.signature
            busy, fresh = busy or reading.state == "busy", fresh or reading.fresh
            if path in locks and reading.state == "missing":
                continue
            files[name] = reading.data
            flaw = _flaw(reading, is_text=path in texts)
        if flaw is not None:
            findings.append(_finding(document, path, name, flaw))
    return Attached(files, signatures, tuple(findings), busy, fresh)


def lock_of(value: Any) -> str:
    """Where the lock of a document lies, relative to its manifest."""
    return f"forged/{value['metadata']['name']}.lock.yaml"


def picked(value: Any, marked: Marked, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Path and value of every string that `marked` leads to."""
    if not marked:
        if isinstance(value, str):
            yield path, value
        return
    part, rest = marked[0], marked[1:]
    if part == "*":
        items = enumerate(value) if isinstance(value, list) else ()
        pairs = value.items() if isinstance(value, dict) else items
        for key, child in pairs:
            yield from picked(child, rest, (*path, key))
    elif isinstance(value, dict) and part in value:
        yield from picked(value[part], rest, (*path, part))


def _inside(name: str, target: str, root: str) -> str | None:
    """Where `target` leads; None = out of `root`."""
    if os.path.isabs(name) or not links.lies_in(target, root):
        return None
    return links.within(target, root)


def _flaw(reading: disk.Reading, *, is_text: bool) -> Flaw | None:
    if reading.state == "missing":
        return "file-missing", "is not there", "paths are relative to the manifest"
    if reading.state == "unreadable":
        return "file-unreadable", f"cannot be read: {reading.why}", ""
    if reading.state == "large":
        return "too-large", f"is larger than {SIZE_LIMIT:,} bytes", ""
    return _no_text(reading.data) if is_text and reading.state == "read" else None


def _no_text(data: bytes) -> Flaw | None:
    """As strict as with a text within the manifest, which is not empty and holds no NUL."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "encoding", "is UTF-16, not UTF-8", "save it as UTF-8"
    if b"\0" in data:
        return "encoding", "holds a NUL, so it is no UTF-8 text", "save it as UTF-8"
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        what = f"line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8"
        return "encoding", what, "save it as UTF-8"
    if not text.strip():
        return "file-empty", "is empty", "write the text into it, or take the field out"
    return None


def _finding(document: Document, path: Path, name: str, flaw: Flaw) -> Finding:
    code, message, hint = flaw
    _, node = locate(document.node, path)
    at, end = node.start_mark.index, node.end_mark.index
    return Finding(at, end, code, f"{shown(name)} {message}", show(path), hint)
