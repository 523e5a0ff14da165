"""Reach: what a program in a sandbox can really write, and whether what p42 follows lies in there.

Its grants say what was meant when it was begun. What counts is what was there then: a directory
that was not could not be kept from it, and one that is followed since is not kept from it either.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from p42.model.grants import Grants
from p42.scripts.ways import led


@dataclass(frozen=True, slots=True)
class Reach:
    """`write` and, inside of them, `shut`: real paths; of nested ones the inner counts.

    `private` is p42's home. `whole`: its end is the end of all it started, at once.
    """

    write: tuple[Path, ...]
    shut: tuple[Path, ...] = ()
    private: Path | None = None
    whole: bool = True

    @classmethod
    def of(
        cls, grants: Grants, form: Literal["bwrap", "landlock"], *, private: Path | None = None
    ) -> Reach:
        """Of a program that is about to be begun. Blocking."""
        write = tuple(_real(each) for each in grants.write if each.exists())
        if form == "landlock":  # which adds rights beneath others, and takes none away
            return cls(write, private=private, whole=False)
        shut = (each for each in (*grants.read, *grants.hide) if each.exists())
        return cls(write, tuple(each for each in shut if _real(each) == each), private)

    def opens(self, source: str) -> bool:
        """Whether it can change what is found at or below `source`. Blocking.

        A link on the way counts: whoever can write it says where it leads. Of a file that is
        followed by itself, all beside it: there are the scripts that it names, and their locks.
        """
        end, links = _led(source)
        end = end.parent if end.is_file() else end
        inside = any(each.is_relative_to(end) and not self._apart(each, end) for each in self.write)
        return inside or any(self._writes(each) for each in (end, *links))

    def _writes(self, path: Path) -> bool:
        around = [each for each in (*self.write, *self.shut) if path.is_relative_to(each)]
        inner = max(around, key=lambda each: len(each.parts), default=None)
        return inner in self.write  # what is granted both ways is written

    def _apart(self, path: Path, source: Path) -> bool:
        """Whether `path` is p42's own and stands where no manifest is looked for in `source`."""
        if self.private is None or not path.is_relative_to(self.private):
            return False
        return any(part.startswith(".") for part in path.relative_to(source).parts)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _led(path: str) -> tuple[Path, list[Path]]:
    """Where `path` leads, and the links on the way, by the real paths of their directories."""
    end, links = led(path)
    return Path(end), [Path(each) for each in links]
