"""Editing: one manifest of the home read and written whole, for commands that edit on request.

What p42 writes for a person lands in `manifests/KINDS/NAME.yaml` of the home; a document that
stands anywhere else is the person's own, and is only shown.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

from p42.api.asking import asks
from p42.api.house import engine_of, house_of
from p42.api.words import ref_of
from p42.manifest.read import Reader
from p42.model.errors import InvalidInput
from p42.model.look import Broken, FileLook
from p42.model.ports import Entry, World
from p42.model.refs import Ref

PRIVATE = 0o600
LONGEST = 1 << 20  # bytes; as of any manifest


class Written(TypedDict):
    """Where a document stands. `ours`: in the home's manifests, so p42 may write it.

    Not declared: `declared` is false, `file` is where it would go, `text` is "".
    """

    ref: str
    declared: bool
    ours: bool
    file: str
    document: int
    text: str


class Edited(TypedDict):
    """What was written, and where."""

    refs: list[str]
    file: str


@asks
class One:
    """`ref` is KIND/NAME."""

    ref: str


@asks
class Edit:
    """`file` (absolute, in the home's manifests) becomes `text`; None takes the file away.

    `was`: SHA-256 in hex of what stands there now, "" = nothing; other bytes there are not lost.
    """

    file: str
    text: str | None
    was: str = ""


async def manifest(world: World, request: One) -> Written:
    """The file that declares it, whole."""
    ref = ref_of(house_of(world).kinds, request.ref)
    row = engine_of(world).view().rows.get(ref)
    if row is None or row.gone:
        target = _own(world) / house_of(world).kinds[ref.kind].plural / f"{ref.name}.yaml"
        text = await asyncio.to_thread(_text, target)
        return {"ref": str(ref), "declared": False, "ours": not text, "file": str(target),
                "document": 0, "text": text}  # fmt: skip
    place = row.resource.place
    text = await asyncio.to_thread(_text, Path(place.file))
    ours = Path(place.file).is_relative_to(_own(world))
    return {"ref": str(ref), "declared": True, "ours": ours, "file": place.file,
            "document": place.document, "text": text}  # fmt: skip


async def edit(world: World, request: Edit) -> Edited:
    """Write a manifest of the home, if what comes of it holds."""
    target = _target(world, request.file)
    there = await asyncio.to_thread(world.files.look, target)
    if _digest(there.data if there else None) != request.was:
        raise _changed(target)
    if request.text is None:
        await _swap(world, target, there, None)
        return {"refs": [], "file": str(target)}
    data = request.text.encode()
    refs = await asyncio.to_thread(_checked, world, target, data)
    for ref in refs:
        _must_be_free(world, ref, target)
    await _swap(world, target, there, data)
    # Looked at now, not when a watcher tells: who asks next sees what was written.
    await engine_of(world).follow((str(_own(world)),))
    return {"refs": [str(ref) for ref in refs], "file": str(target)}


async def _swap(world: World, target: Path, there: Entry | None, data: bytes | None) -> None:
    """`data` in the place of what was looked at, and of nothing that was saved since."""
    was, mode = (there.data, there.mode) if there else (None, PRIVATE)
    if not await asyncio.to_thread(world.files.swap, target, data, was=was, mode=mode):
        raise _changed(target)


def _changed(target: Path) -> InvalidInput:
    return InvalidInput(f"{target} was changed meanwhile; look at it and try again")


def _own(world: World) -> Path:
    return world.home / "manifests"


def _target(world: World, file: str) -> Path:
    target = Path(file)
    inside = target.is_relative_to(_own(world)) and ".." not in target.parts
    if not inside or target.suffix not in (".yaml", ".yml", ".json"):
        raise InvalidInput(f"{file} is no manifest under {_own(world)}")
    return target


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LONGEST).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _checked(world: World, target: Path, data: bytes) -> list[Ref]:
    """What `data` would declare as `target`. InvalidInput for what does not hold."""
    look = _look(world, target, data)
    found = [each for part in look.documents if isinstance(part, Broken)
             for each in part.diagnostics]  # fmt: skip
    if found:
        named = [replace(each, file=str(target)) for each in found]
        raise InvalidInput(f"{target} was not written: it would not hold", diagnostics=named)
    refs = [part.ref for part in look.documents if not isinstance(part, Broken)]
    if not refs:
        raise InvalidInput(f"{target} was not written: there is no manifest in the text")
    return refs


def _look(world: World, target: Path, data: bytes) -> FileLook:
    reader = Reader(house_of(world).book)  # the engine's own takes one call at a time
    with TemporaryDirectory(prefix="p42-") as directory:
        draft = Path(directory).resolve() / target.name
        draft.write_bytes(data)
        return reader.look_file(str(draft), str(draft))


def _must_be_free(world: World, ref: Ref, target: Path) -> None:
    row = engine_of(world).view().rows.get(ref)
    if row is not None and not row.gone and row.resource.place.file != str(target):
        raise InvalidInput(f"{ref} is declared in {row.resource.place}: change it there")
