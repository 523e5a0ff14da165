"""Traced: which parts of a document are what git's HEAD has. Asked, never changed.

A part is HEAD's when HEAD's blob says the same, or when git itself wrote the file: its index then
knows size, time and inode, whatever a filter, an encoding or line ends made of the blob. The spec
is compared as a value, for p42 writes its status into the same file.

Where there is a work tree that git cannot tell anything of, every part counts as HEAD's: who asked
to be asked is asked once too often.
"""

# Paths as text: see git.py.
# ruff: noqa: PTH116, PTH118, PTH120
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from p42.manifest import git, prescan
from p42.manifest.finding import Malformed
from p42.manifest.reading import Origin, documents_in
from p42.model.look import SPEC, Traced
from p42.model.resource import Resource

_UNKNOWN = re.compile(r"[\n\0]")  # a name that git's line formats cannot carry
_DEBUG = re.compile(
    rb"mtime: (?P<s>\d+):(?P<ns>\d+).*?ino: (?P<ino>\d+).*?size: (?P<size>\d+)", re.DOTALL
)


class _Blob(NamedTuple):
    """A file as HEAD has it. `written`: it lies there as git last wrote it."""

    data: bytes
    written: bool


def traced(resource: Resource) -> Traced:
    """What git knows of `resource`. Blocking: a few processes."""
    manifest = resource.place.file
    paths = {SPEC: manifest} | {
        name: os.path.join(os.path.dirname(manifest), name) for name in resource.files
    }
    heads: dict[str, str] = {}
    equal, exact = set[str](), set[str]()
    for part, path in paths.items():
        real = os.path.realpath(path)
        root = git.work_tree(os.path.dirname(real))
        if root is None:
            continue
        if root not in heads:
            directory, heads[root] = git.head(root)
            if not directory:
                return Traced("", equal=frozenset(paths))
            if git.at_work(directory):
                return Traced(heads[root], busy=True)
        blob = _blob(root, os.path.relpath(real, root), real)
        if blob is not None and (blob.written or _is(resource, part, blob.data)):
            equal.add(part)
            if resource.files.get(part) == blob.data:
                exact.add(part)
    head = "+".join(sorted(heads.values()))
    return Traced(head, equal=frozenset(equal), exact=frozenset(exact))


def _is(resource: Resource, part: str, data: bytes) -> bool:
    if part != SPEC:
        return _plain(resource.files[part]) == _plain(data)
    try:
        documents = list(documents_in(prescan.decode(data), Origin(resource.place.file, "")))
        values = [d.build() for d in documents if d.top("kind") == resource.ref.kind]
    except Malformed:
        return False
    return any(_declares(value, resource) for value in values)


def _declares(value: Any, resource: Resource) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("metadata"), Mapping):
        return False
    same_name = value["metadata"].get("name") == resource.ref.name
    return same_name and bool(value.get("spec") == resource.spec)


def _plain(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def _blob(root: str, name: str, path: str) -> _Blob | None:
    """What HEAD has at `name`; None = nothing."""
    if _UNKNOWN.search(name):
        return _Blob(b"", written=True)
    found = git.ask(root, "ls-tree", "-z", "--full-tree", "HEAD", "--", f":(literal){name}")
    words = found.partition(b"\t")[0].split()
    if len(words) != 3 or words[1] != b"blob":
        return None
    data = git.ask(root, "cat-file", "blob", words[2].decode())
    return _Blob(data, _as_git_wrote(root, name, path, words[2]))


def _as_git_wrote(root: str, name: str, path: str, blob: bytes) -> bool:
    """Whether the index has this very blob for `name`, and the file's numbers."""
    staged = git.ask(root, "ls-files", "-s", "--debug", "--", f":(top,literal){name}")
    words, numbers = staged.split(None, 3), _DEBUG.search(staged)
    if len(words) < 3 or words[1] != blob or numbers is None:
        return False
    try:
        there = os.stat(path)
    except OSError:
        return False
    seconds, nanos = divmod(there.st_mtime_ns, 10**9)
    # Some gits keep no fraction of a second, and no inode: what is 0 there tells nothing.
    return (
        int(numbers["s"]) == seconds & 0xFFFFFFFF
        and int(numbers["ns"]) in (0, nanos)
        and int(numbers["size"]) == there.st_size & 0xFFFFFFFF
        and int(numbers["ino"]) in (0, there.st_ino & 0xFFFFFFFF)
    )
