"""Needs: who needs whom, what they publish, and what at the far end keeps a thing waiting.

Nobody polls: a change of what a name publishes, or of why it does not, wakes those that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from p42.model.kind import Published
from p42.model.reasons import Mend
from p42.model.refs import Ref
from p42.model.status import Status


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a name is not ready, at the far end of its needs. `ref` is the one to mend."""

    ref: Ref
    reason: str  # a word of REASONS, or what stands for "there is no such thing"
    mend: Mend

    def __str__(self) -> str:
        return f"{self.ref}: {self.reason}"


class Needs:
    """The graph over recorded and wished names, both ways, and what is published on it."""

    def __init__(self) -> None:
        self._needs: dict[Ref, tuple[Ref, ...]] = {}
        self._users: dict[Ref, set[Ref]] = {}
        self._published: dict[Ref, Published] = {}

    def of(self, ref: Ref) -> tuple[Ref, ...]:
        """What `ref` needs, sorted."""
        return self._needs.get(ref, ())

    def users(self, ref: Ref) -> frozenset[Ref]:
        """Who needs `ref`."""
        return frozenset(self._users.get(ref, ()))

    def set(self, ref: Ref, needs: Iterable[Ref]) -> None:
        """`ref` needs exactly these."""
        old, new = self._needs.get(ref, ()), tuple(needs)
        if old == new:
            return
        for need in old:
            self._users[need].discard(ref)
        for need in new:
            self._users.setdefault(need, set()).add(ref)
        self._needs[ref] = new

    def drop(self, ref: Ref) -> None:
        """`ref` is no more; who needs it still does."""
        self.set(ref, ())
        self._needs.pop(ref, None)
        self._published.pop(ref, None)

    def publish(self, ref: Ref, published: Published | None) -> bool:
        """What `ref` lets others know now, None = it is not ready. True if that is a change."""
        old = self._published.pop(ref, None)
        if published is not None:
            self._published[ref] = published
        return old != published

    def publishes(self, ref: Ref) -> bool:
        """Whether `ref` is ready for others."""
        return ref in self._published

    def published(
        self, ref: Ref, *, spared: Callable[[], Collection[Ref]] = tuple
    ) -> Mapping[Ref, Published] | None:
        """What the needs of `ref` publish; None while one of them does not that is not `spared`.

        Those are asked for only where something is missing.
        """
        unmet = self.unmet(ref)
        if unmet and not set(unmet) <= set(spared()):
            return None
        return {need: self._published[need] for need in self.of(ref) if need not in unmet}

    def unmet(self, ref: Ref) -> tuple[Ref, ...]:
        """Needs that publish nothing."""
        return tuple(need for need in self.of(ref) if need not in self._published)


Look = Callable[[Ref], tuple[Status, Mend] | None]

# What time mends may end in anything, so while it lasts nothing is settled; a failure outweighs
# what the user can do.
_WORST = (Mend.TIME, Mend.FAILED, Mend.USER, Mend.READY)


def root_cause(ref: Ref, needs: Needs, look: Look) -> Cause:
    """The far end of what `ref` waits for. `look` gives the standing of a name, None = undeclared.

    A function of standings alone: of several causes the worst counts, of equals the first by name.
    """
    return _root(ref, needs, look, frozenset())


def _root(ref: Ref, needs: Needs, look: Look, behind: frozenset[Ref]) -> Cause:
    causes = []
    for need in needs.unmet(ref):
        standing = look(need)
        if standing is None:
            causes.append(Cause(need, "not declared", Mend.USER))
            continue
        status, mend = standing
        if status.reason == "Waiting" and need not in behind and needs.unmet(need):
            causes.append(_root(need, needs, look, behind | {ref, need}))
        else:
            causes.append(Cause(need, status.reason, mend))
    return min(causes, key=lambda cause: (_WORST.index(cause.mend), cause.ref))
