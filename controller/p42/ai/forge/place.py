"""Forge place: the file that declares a new command: in the home, or in a directory a person named.

A directory has to be one in which p42 finds manifests, else the command would never be seen: inside
a followed source, not hidden, not ignored by git. It is looked at where it really lies, and written
to from its source downwards without following a link, so that nobody leads a model's words out.
"""

# Paths are text here, as the engine has them: `realpath` and `normpath` give text too.
# ruff: noqa: PTH112, PTH117
from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from p42.manifest.discover import Walker
from p42.manifest.disk import why
from p42.model.errors import InvalidInput
from p42.model.ports import Files
from p42.runtimes.disk.files import DiskFiles

PRIVATE = 0o600
SHARED = 0o644  # in the user's own tree, as git and their editor make files
ANY = "command"  # stands for the name that is not known yet


@dataclass(frozen=True, slots=True)
class Place:
    """`file` as p42 finds it in its source; `files` reach it; `shown` is its path in a diff."""

    file: Path
    files: Files
    mode: int  # of a new file
    shown: str

    @property
    def spare(self) -> Path:
        """Where the version is kept that the one in `file` took over from."""
        return spare_of(self.file)


def spare_of(file: Path) -> Path:
    """`.p42/NAME.yaml.previous` beside a manifest out of a conversation."""
    return file.parent / ".p42" / f"{file.name}.previous"


class Places:
    """Of one home. `sources` tells what is followed. Methods block: they look at the disk."""

    def __init__(self, home: Path, files: Files, sources: Callable[[], Sequence[str]]) -> None:
        self._home, self._files, self._sources = home, files, sources

    def own(self, name: str) -> Place:
        """In the home."""
        shown = f"manifests/commands/{name}.yaml"
        return Place(self._home / shown, self._files, PRIVATE, shown)

    def within(self, directory: str, name: str = ANY) -> Place:
        """In `directory` (absolute). InvalidInput says why p42 would not find it there."""
        real = _directory(directory)
        self._must_not_be_ours(directory, real)
        source = self._source_of(directory, real)
        inner = os.path.relpath(real, os.path.realpath(source))
        file = Path(os.path.normpath(f"{source}/{inner}/{name}.yaml"))
        return self._found(file, source, directory)

    def at(self, file: str) -> Place:
        """Where a manifest stands already. InvalidInput where p42 would not look any more."""
        source = next((each for each in self._sources() if _lies_in(file, each)), "")
        if not source or Path(source).is_file():
            raise InvalidInput(f"{file} lies in no directory that p42 follows")
        return self._found(Path(file), source, str(Path(file).parent))

    def _found(self, file: Path, source: str, told: str) -> Place:
        walker = Walker()
        try:
            entered = walker.walk(source).directories
        except OSError as error:
            raise InvalidInput(f"{source}: {why(error)}") from None
        if str(file.parent) not in entered or not walker.would_enter(source, str(file)):
            raise InvalidInput(
                f"p42 does not look for {file.name} in {told}: hidden directories, `forged`, "
                "`node_modules` and what git ignores are left out; name another directory"
            )
        if file.is_relative_to(self._home):
            return Place(file, self._files, PRIVATE, str(file.relative_to(self._home)))
        # Their own root: from there on no link is followed, whatever was put there meanwhile.
        files = DiskFiles(Path(source), path="")
        return Place(file, files, SHARED, str(file.relative_to(source)))

    def _must_not_be_ours(self, directory: str, real: str) -> None:
        """The home is p42's own but for its manifests, also where a source holds all of it."""
        home = os.path.realpath(self._home)
        if _lies_in(real, home) and not _lies_in(real, f"{home}/manifests"):
            raise InvalidInput(f"{directory} is p42's own; name a directory of manifests")

    def _source_of(self, directory: str, real: str) -> str:
        holding = [
            each for each in self._sources()
            if os.path.isdir(each) and _lies_in(real, os.path.realpath(each))
        ]  # fmt: skip
        if holding:
            return max(holding, key=lambda each: len(os.path.realpath(each)))
        leads = "" if real == os.path.normpath(directory) else f" (it leads to {real})"
        raise InvalidInput(
            f"{directory}{leads} lies in no directory that p42 follows, so it would not see the "
            f"command there; first: p42 apply -f {shlex.quote(directory)}"
        )


def _directory(given: str) -> str:
    """Where `given` really lies. InvalidInput unless it is a directory that can be named."""
    if not given.isprintable() or not os.path.isabs(given):
        raise InvalidInput(f"{given!a} is no absolute path of plain characters")
    real = os.path.realpath(given)
    if not real.isprintable():
        raise InvalidInput(f"{given} leads to {real!a}, which nobody could read in a diff")
    if not os.path.isdir(real):
        there = "is no directory" if os.path.lexists(real) else "is not there; make it first"
        raise InvalidInput(f"{given}: {there}")
    return real


def _lies_in(path: str, above: str) -> bool:
    return path == above or path.startswith(above.rstrip("/") + "/")
