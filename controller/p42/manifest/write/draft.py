"""Draft: what is wanted in one file, and how far the writing of it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from p42.manifest.write.stage import Base, Staged
from p42.manifest.write.verdict import Went
from p42.model.refs import Ref
from p42.model.resource import Resource


@dataclass(eq=False, slots=True)
class Wanted:
    """A status on its way. `body` None = take ours out."""

    resource: Resource
    body: Mapping[str, Any] | None
    tries: int = 0  # at which it was not there as reconciled


class Job(NamedTuple):
    """All that is wanted in one file."""

    path: str
    wanted: tuple[Wanted, ...]


@dataclass(slots=True)
class Draft:
    """A job under way. `beside`: why a status must not go inline; `again`: seconds, None = done.

    Each of `base`, `data` and `staged` is None until its step is done, and for good if there is
    nothing to do for the steps after it.
    """

    job: Job
    beside: dict[Ref, str] = field(default_factory=dict)
    went: dict[Ref, Went] = field(default_factory=dict)
    unfinished: set[Ref] = field(default_factory=set)
    again: float | None = None
    base: Base | None = None  # the file as it is
    data: bytes | None = None  # as it is to be
    staged: Staged | None = None
    wrote: bool = False

    def wait(self, ref: Ref, why: str, after: float) -> None:
        """That one is tried again."""
        self.went[ref] = Went("waiting", why)
        self.retry(ref, after)

    def retry(self, ref: Ref, after: float) -> None:
        """Come back to that one, wherever it goes meanwhile."""
        self.unfinished.add(ref)
        self.again = after if self.again is None else min(after, self.again)

    def wait_all(self, why: str, after: float) -> None:
        """None of those that are to go inline can now."""
        for ref in self.inline():
            self.wait(ref, why, after)

    def refuse_all(self, why: str, *, retry: float | None = None) -> None:
        """None of those that are to go inline may."""
        for ref in self.inline():
            self.beside[ref] = why
            if retry is not None:
                self.retry(ref, retry)

    def inline(self) -> list[Ref]:
        """Those that are still to go inline."""
        refs = (wanted.resource.ref for wanted in self.job.wanted)
        return [ref for ref in refs if ref not in self.beside and ref not in self.went]
