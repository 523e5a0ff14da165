"""Kept: the files that our writes displaced, looked at again for a while.

Somebody may have opened the old file before the exchange and write into it after. With leases that
is next to impossible; without, it is how an editor that is slow to finish its save would lose it.
What is written late goes back to its path if nobody but us has changed that since; otherwise it
becomes `NAME.p42-conflict` beside it. Never silence.

After a crash the same is done with what lies in `.p42/`: the name of each file tells what it was.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass

from p42 import displace
from p42.displace import Placed, Spot
from p42.manifest.write import kernel
from p42.manifest.write.clash import Clashes, Tell, beside
from p42.manifest.write.dotdir import DotDir, discard, parse_swap, short
from p42.manifest.write.exchange import Clash
from p42.manifest.write.stage import Staged
from p42.manifest.write.verdict import Pace

_FEWER = 4  # the next look at one comes after this part of its age: late writes come early


@dataclass(slots=True)
class Kept:
    """A displaced file. `tip`: the digest of what stands at `path` if only we have written it."""

    path: str
    aside: str
    tip: str
    seen: tuple[int, ...]  # what tells that nobody has written into it
    until: float  # monotonic
    young_until: float
    leased: bool
    next_look: float  # not before; many writes in a row do not each look at all of them


class KeptFiles:
    """All displaced files of this process. Its methods block; called from one thread."""

    def __init__(self, pace: Pace, tell: Tell) -> None:
        self._pace = pace
        self._tell = tell
        self._kept: dict[str, list[Kept]] = {}
        self._soonest = math.inf  # the earliest `next_look` of all, or earlier
        self._clashes = Clashes(pace, tell)

    def clashed(self, staged: Staged, clash: Clash, *, leased: bool) -> None:
        """`staged` was at its path for a moment, and has been taken back."""
        path, saved = staged.base.path, clash.back.saved
        self._clashes.add(path, staged.base.data, saved)
        if not clash.back.clean:
            return
        found = os.lstat(staged.aside)
        if found.st_ino != staged.inode:
            discard(staged.aside)  # a save that was replaced by another
        else:
            self._keep(path, staged.aside, short(saved[-1]), _written(found), leased=leased)

    def add(self, staged: Staged, *, leased: bool) -> None:
        """`staged` has been exchanged: what it displaced is at its `aside`."""
        base, names = staged.base, parse_swap(staged.aside)
        assert names is not None  # noqa: S101 - `stage` made the name
        old, new = names.base, names.new
        for kept in self._kept.get(base.path, ()):
            if kept.tip == old:  # nobody has written between that write of ours and this one
                kept.tip = new
        pause = self._pace.seldom if leased else 0.0  # under the lease nobody had it open
        self._keep(base.path, staged.aside, new, _written(base.found), leased=leased, pause=pause)

    def look(self) -> float | None:
        """Look at those whose time has come. Seconds until the next look; None if none is left."""
        now = time.monotonic()
        due = now + self._pace.often  # whose time comes in a moment is not come back for
        if self._soonest <= due:
            self._look_at(due, now)
        if not (self._clashes.look() or self._kept):
            return None
        return min(max(self._soonest - now, self._pace.often), self._pace.seldom)

    def _look_at(self, due: float, now: float) -> None:
        """Those whose next look is `due`."""
        for path, chain in list(self._kept.items()):
            if all(kept.next_look > due for kept in chain):
                continue
            del self._kept[path]
            for kept in chain:
                if kept.next_look <= due:
                    if not self._holds(kept, now):
                        continue
                    kept.next_look = now + self._pause(kept, now)
                self._kept.setdefault(path, []).append(kept)
        looks = (kept.next_look for chain in self._kept.values() for kept in chain)
        self._soonest = min(looks, default=math.inf)

    def has(self, path: str) -> bool:
        """Whether one that stood at `path` is kept."""
        return path in self._kept

    def close(self, *, until: float = math.inf) -> None:
        """Drop those that surely nobody has open, `until` then. The next start sees to the rest."""
        self._clashes.look(last=True)
        chains, self._kept = self._kept, {}
        for kept in (kept for chain in chains.values() for kept in chain):
            if time.monotonic() >= until:
                return
            if self._holds(kept, 0.0) and kept.leased and not _is_open(kept.aside):
                discard(kept.aside)

    def recover(self, dot: DotDir) -> None:
        """See to what a crash left in `dot`."""
        for aside in dot.leftovers():
            swap = parse_swap(aside)
            if swap is None:
                discard(aside)
                continue
            held = _read(aside)
            if held is None:
                continue
            if short(held) in (swap.base, swap.new) or not _sane(held):
                discard(aside)  # never exchanged, or exchanged and never written again
            else:
                self._rescue(f"{dot.directory}/{swap.name}", aside, swap.new)

    def _keep(
        self,
        path: str,
        aside: str,
        tip: str,
        seen: tuple[int, ...],
        *,
        leased: bool,
        pause: float = 0.0,
    ) -> None:
        """`pause`: seconds until the first look at it."""
        now = time.monotonic()
        until, young_until = now + self._pace.keep, now + self._pace.young
        first = min(now + pause, until)
        kept = Kept(path, aside, tip, seen, until, young_until, leased, first)
        self._kept.setdefault(path, []).append(kept)
        self._soonest = min(self._soonest, first)

    def _pause(self, kept: Kept, now: float) -> float:
        """Seconds between two looks at it: the longer nobody has come, the fewer."""
        if not kept.leased and now < kept.young_until:
            return self._pace.often
        age = now - (kept.young_until - self._pace.young)
        return min(max(self._pace.seldom, age / _FEWER), max(kept.until - now, self._pace.often))

    def _holds(self, kept: Kept, now: float) -> bool:
        """Whether it is still to be kept; sees to a late write."""
        try:
            found = os.lstat(kept.aside)
        except FileNotFoundError:
            return False
        if _written(found) != kept.seen:
            self._rescue(kept.path, kept.aside, kept.tip)
            return False
        if now < kept.until:
            return True
        if _is_open(kept.aside):
            kept.until = now + self._pace.keep
            return True
        discard(kept.aside)
        return False

    def _rescue(self, path: str, aside: str, tip: str) -> None:
        """Bring what was written late into `aside` to where its owner finds it."""
        there = _read(path)
        if there is not None and short(there) == tip and self._restore(path, aside, tip):
            self._tell(path, "a save that came late was put back")
            return
        if _read(aside) == _read(path):
            discard(aside)
            return
        conflict = beside(path, aside)
        self._tell(path, f"a save that came late is kept in {os.path.basename(conflict)}")

    def _restore(self, path: str, aside: str, tip: str) -> bool:
        """Exchange what is at `aside` for our own bytes at `path`, if it is they that come out.

        They are kept in turn: somebody may have opened them meanwhile.
        """
        try:
            late = Placed(os.lstat(aside).st_ino, _read(aside) or b"")
            displace.exchange(Spot(aside), Spot(path))
        except OSError:
            return False
        out, there = _read(aside), _read(path)
        if out is not None and short(out) == tip:
            found = os.lstat(aside)
            self._keep(path, aside, short(there or b""), _written(found), leased=False)
            return True
        displace.put_back(Spot(aside), Spot(path), late)
        return False


def _written(found: os.stat_result) -> tuple[int, ...]:
    return found.st_size, found.st_mtime_ns


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as found:
            return found.read()
    except OSError:
        return None


def _sane(data: bytes) -> bool:
    """Not what a power cut makes of a file whose bytes never reached the disk."""
    return bool(data) and b"\0" not in data


def _is_open(path: str) -> bool:
    """Whether somebody has the file open, as far as a lease can tell."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        state = kernel.lease(descriptor)
        if state == "held":
            kernel.release(descriptor)
        return state == "refused"
    finally:
        os.close(descriptor)
