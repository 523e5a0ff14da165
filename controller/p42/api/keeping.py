"""Keeping: manifests that came without a file live as one file per document under the home."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from p42.api.documents import cut, file_name, without
from p42.api.house import engine_of, house_of
from p42.manifest.lists import unlisted
from p42.manifest.read import Reader
from p42.model.diagnostic import Diagnostic
from p42.model.errors import InvalidInput
from p42.model.look import Broken, FileLook
from p42.model.ports import Entry, World
from p42.model.refs import Ref
from p42.model.resource import Place, Resource

STDIN = "<stdin>"  # the file that diagnostics name
PRIVATE = 0o600
TRIES = 5  # a status may be written into the file at the very moment


async def keep(world: World, text: str) -> tuple[Ref, ...]:
    """Write each document of `text` to `manifests/applied/`; equal bytes are left alone.

    A List, as `get -o yaml` prints it, counts as its items.

    InvalidInput, and nothing written, if one of them does not hold or is declared elsewhere.
    """
    parts = await _parts(world, text)
    for part in parts:
        await asyncio.to_thread(_place, world, part.target, part.text.encode())
    return tuple(part.resource.ref for part in parts)


async def draft(world: World, text: str) -> list[FileLook]:
    """The files that `keep` would write, as looks at them. Writes nothing; raises as `keep`."""
    found = []
    for resource, target, document in await _parts(world, text):
        place = replace(resource.place, file=str(target), document=0)
        whole = (replace(resource, place=place),)
        found.append(FileLook(str(target), "read", whole, document.encode()))
    return found


class _Part(NamedTuple):
    resource: Resource
    target: Path
    text: str


async def _parts(world: World, text: str) -> list[_Part]:
    text = unlisted(text)
    resources = await _read(world, text)
    documents = cut(text)
    if not resources:
        raise InvalidInput(f"{STDIN}: there are no manifests in it")
    if len(documents) != len(resources):
        raise InvalidInput(f"{STDIN}: separate documents by lines of --- and nothing else")
    directory = world.home / "manifests" / "applied"
    targets = [directory / file_name(resource.ref) for resource in resources]
    for resource, target in zip(resources, targets, strict=True):
        _must_be_free(world, resource.ref, target)
    return [_Part(*each) for each in zip(resources, targets, documents, strict=True)]


async def take_out(world: World, place: Place) -> None:
    """Remove one document from a file of the home; the file goes with its last."""
    await asyncio.to_thread(_take_out, world, place)


async def _read(world: World, text: str) -> list[Resource]:
    reader = Reader(house_of(world).book)  # the engine's own takes one call at a time

    def look() -> tuple[str, Sequence[Resource | Broken]]:
        # Outside the home: a `diff` without a daemon leaves nothing there, not even for a moment.
        with TemporaryDirectory(prefix="p42-") as directory:
            draft = Path(directory).resolve() / "stdin.yaml"
            draft.write_bytes(text.encode())
            return str(draft), reader.look_file(str(draft), str(draft)).documents

    draft, documents = await asyncio.to_thread(look)
    found = [each for part in documents if isinstance(part, Broken) for each in part.diagnostics]
    if found:
        raise _refused(draft, found)
    return [part for part in documents if isinstance(part, Resource)]


def _refused(draft: str, found: list[Diagnostic]) -> InvalidInput:
    named = [
        replace(each, file=STDIN, message=each.message.replace(draft, STDIN)) for each in found
    ]
    return InvalidInput("nothing was applied: what came in does not hold", diagnostics=named)


def _must_be_free(world: World, ref: Ref, target: Path) -> None:
    row = engine_of(world).view().rows.get(ref)
    if row is not None and not row.gone and row.resource.place.file != str(target):
        raise InvalidInput(f"{ref} is declared in {row.resource.place}: change it there")


def _place(world: World, target: Path, data: bytes) -> None:
    _change(world, target, lambda there: (data, PRIVATE))


def _take_out(world: World, place: Place) -> None:
    def without_it(there: Entry | None) -> tuple[bytes | None, int]:
        if there is None:
            return None, PRIVATE
        text = there.data.decode()
        left = without(text, place.document).encode() if len(cut(text)) > 1 else None
        return left, there.mode

    _change(world, Path(place.file), without_it)


def _change(
    world: World, path: Path, change: Callable[[Entry | None], tuple[bytes | None, int]]
) -> None:
    """Make of what stands there what `change` says, with its mode; None takes the file away."""
    for _ in range(TRIES):
        there = world.files.look(path)
        was = there.data if there else None
        data, mode = change(there)
        if data == was or world.files.swap(path, data, was=was, mode=mode):
            return
    raise InvalidInput(f"{path} is changed again and again; close what writes it, and try again")
