"""Wish: what is wanted under one name, and how sure the files are of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from p42.model.diagnostic import Diagnostic
from p42.model.resource import Resource


class State(StrEnum):
    """What the last looks say of a name. All but ABSENT and GONE keep the last good one running."""

    GOOD = "good"  # one document, and it holds
    BROKEN = "broken"  # it is there and does not hold, or its file cannot be understood
    DUPLICATE = "duplicate"  # several documents of this name; they name each other
    ABSENT = "absent"  # not there on one look: hands off, seconds later it is there again or gone
    HELD = "held"  # gone with too much else: waits for --prune
    GONE = "gone"  # to be taken down


@dataclass(frozen=True, slots=True)
class Wish:
    """`resource` is the last good document; `source` the followed source it came from.

    `since` is when it was first missed (monotonic seconds), None while it is there.
    `findings` say why it is BROKEN or DUPLICATE.
    """

    resource: Resource
    source: str
    state: State = State.GOOD
    since: float | None = None
    findings: tuple[Diagnostic, ...] = ()

    def tells_the_same(self, other: Wish | None) -> bool:
        """Whether nothing differs that anyone acts on: lines may shift, digests may not."""
        if other is None:
            return False
        a, b = self.resource, other.resource
        return (
            self.state is other.state
            and self.source == other.source
            and self.findings == other.findings
            and a.digest == b.digest
            and a.annotations == b.annotations
            and a.labels == b.labels
            and (a.place.file, a.place.document) == (b.place.file, b.place.document)
        )
