"""Clash: somebody saved at the very moment of an exchange. Is it still in the file a while later?

Between an exchange that took out a save and its being put back, for microseconds, the path leads
to our bytes, which lack that save. Whoever reads the file just then, and saves it later, takes the
save away without knowing. (1 of 100 such moments, on a busy machine, with an editor that reads the
file every few milliseconds; without this look 1 of 10,000 saves was lost.) So what was saved is
remembered for a while: if lines of it are gone from the file again, it comes back as
`NAME.p42-conflict` beside it. That it was its owner who took them out again is the rarer case.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from p42 import displace
from p42.displace import Spot
from p42.manifest.write.dotdir import DotDir, discard, write_new
from p42.manifest.write.splice import Page, Refused
from p42.manifest.write.stage import read_base
from p42.manifest.write.verdict import Gone, Pace, Wait

_AT_REST = 0.2  # s; an editor that writes a file in pieces is done with it
_CONFLICTS = 100  # names tried; nobody leaves that many lying about
Tell = Callable[[str, str], None]  # path of the manifest, what happened


@dataclass(frozen=True, slots=True)
class _Saved:
    """What somebody saved at `path`; the lines that it put in and took out."""

    path: str
    data: bytes
    new: frozenset[str]
    old: frozenset[str]
    until: float  # monotonic

    def lost_in(self, data: bytes) -> bool:
        lines = _lines(data)
        return not self.new <= lines or not self.old.isdisjoint(lines)


class Clashes:
    """Of this process. Methods block; called from one thread."""

    def __init__(self, pace: Pace, tell: Tell) -> None:
        self._pace = pace
        self._tell = tell
        self._saved: list[_Saved] = []

    def add(self, path: str, base: bytes, saved: Sequence[bytes]) -> None:
        """Each of `saved` was made of `base`, or of another of them, and was at `path`."""
        until = time.monotonic() + self._pace.keep
        before = _lines(base)
        for data in filter(None, saved):  # empty: what could not be read, or a save half done
            after = _lines(data)
            if after != before:
                self._saved.append(_Saved(path, data, after - before, before - after, until))

    def look(self, *, last: bool = False) -> bool:
        """Look whether each is still there. Whether there are any left to look for.

        `last`: a file that is just being saved is judged as it is.
        """
        now = time.monotonic()
        self._saved = [saved for saved in self._saved if self._open(saved, now, last=last)]
        return bool(self._saved)

    def _open(self, saved: _Saved, now: float, *, last: bool) -> bool:
        """Whether that one is still to be looked for."""
        try:
            there = read_base(saved.path)
        except (OSError, Gone, Wait, Refused):
            return now < saved.until  # gone, perhaps for a moment
        age = time.time() - there.found.st_mtime
        if there.data != saved.data and saved.lost_in(there.data):
            if 0 <= age < _AT_REST and not last:
                return True
            self._bring_back(saved)
            return False
        return now < saved.until

    def _bring_back(self, saved: _Saved) -> None:
        dot = DotDir(os.path.dirname(saved.path))
        new = dot.fresh()
        try:
            dot.make()
            write_new(new, saved.data)
        except (OSError, Refused):
            discard(new)
            self._tell(saved.path, "a save was lost, and there is no place to keep it")
            return
        name = os.path.basename(beside(saved.path, new))
        self._tell(saved.path, f"a save that another has undone is kept in {name}")


def beside(path: str, aside: str) -> str:
    """Rename to the first free `NAME.p42-conflict`: who has it open goes on writing into it."""
    for number in range(1, _CONFLICTS):
        conflict = f"{path}.p42-conflict" + (f"-{number}" if number > 1 else "")
        try:
            displace.rename_new(Spot(aside), Spot(conflict))
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno not in displace.UNKNOWN or os.path.lexists(conflict):
                continue
            os.rename(aside, conflict)
        return conflict
    return aside


def _lines(data: bytes) -> frozenset[str]:
    """All lines but those of our blocks."""
    try:
        page = Page.of(data)
        for number, document in enumerate(page.documents):
            if document.mapping:
                page = page.put(number, None)
        text = page.text
    except Refused:
        text = data.decode("utf-8", "replace")
    return frozenset(line.strip() for line in text.splitlines())
