"""Sidecar: a status in a file of its own: `.p42/status/KIND-NAME.yaml` beside the manifests.

Where there cannot be one (a read-only directory, another home's), it is `status/` in p42's home.
It can be made again at any time, so it is not synced; it is written whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from p42.manifest.write.dotdir import DotDir, discard, write_new
from p42.manifest.write.render import block, canonical
from p42.manifest.write.verdict import Refused
from p42.model.refs import Ref


def name_of(ref: Ref) -> str:
    """The file name of a sidecar. A name is a DNS label, so this is safe."""
    return f"{ref.kind.lower()}-{ref.name}.yaml"


def text_of(ref: Ref, file: str, status: Mapping[str, Any]) -> bytes:
    """The content: equal for equal status. `file` is the manifest's name, without a directory."""
    head = f"# {ref}, declared in {file}. Written by p42, never read by it.\n"
    return (head + block(canonical(status), 0, "\n") + "\n").encode()


class Sidecars:
    """Where sidecars go. Methods block."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._names: dict[str, set[str]] = {}  # since the round began, by directory of sidecars

    def begin(self) -> None:
        """A round begins: which sidecars there are is looked at afresh, once for each directory."""
        self._names.clear()

    def put(self, dot: DotDir | None, ref: Ref, file: str, status: Mapping[str, Any]) -> str:
        """Write it into `dot`, or with None or where that fails, into the home. Returns its path.

        Equal bytes are not written. OSError if there is no place for it at all.
        """
        content = text_of(ref, os.path.basename(file), status)
        if dot is not None:
            try:
                path = f"{dot.path}/status/{name_of(ref)}"
                if _read(path) != content:
                    dot.make()
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(os.path.dirname(path), 0o700)
                    dot.place(path, content)
                self._names.pop(os.path.dirname(path), None)
                self._discard(self._at_home(ref))
                return path
            except (OSError, Refused):
                pass  # a full disk, a read-only directory: the home may be elsewhere
        path = self._at_home(ref)
        if _read(path) != content:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            temporary = f"{path}.new"
            discard(temporary)
            try:
                write_new(temporary, content)
                os.replace(temporary, path)
            finally:
                discard(temporary)
                self._names.pop(os.path.dirname(path), None)
        return path

    def drop(self, dot: DotDir | None, ref: Ref) -> None:
        """Take the sidecar away, wherever it is. Nothing there: no effect."""
        if dot is not None:
            self._discard(f"{dot.path}/status/{name_of(ref)}")
        self._discard(self._at_home(ref))

    def _discard(self, path: str) -> None:
        """That there is none is the rule: one listing tells it of all."""
        directory, _, name = path.rpartition("/")
        if directory not in self._names:
            self._names[directory] = _names_in(directory)
        if name in self._names[directory]:
            self._names[directory].discard(name)
            discard(path)

    def _at_home(self, ref: Ref) -> str:
        return f"{self._home}/status/{name_of(ref)}"


def _names_in(directory: str) -> set[str]:
    try:
        return set(os.listdir(directory))
    except OSError:
        return set()


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as found:
            return found.read()
    except OSError:
        return None
