"""Approval: that a person has looked at what a thing would run, and agreed to exactly that.

What is agreed to is a digest of `Kind.executes`: the bytes that run, with what they are run by,
with and allowed. Whatever changes any of it has another digest, and nobody has agreed to that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from p42.model.plan import Instant
from p42.model.refs import Ref

PERSON = "person"  # `by` of a person's own word: it counts for whatever held the change
NOTHING = ""  # the digest of what runs nothing

# Why a change is held: a model or a tool wrote it; git brought it; trust is `pin`; a process agent
# could write where it stands.
Why = Literal["machine", "git", "pin", "agent"]


class Pin(NamedTuple):
    """Every change below `path` is held on account of `by`, who may write there.

    `by` ends in ` #` and more where two of one name have to be told apart.
    """

    path: str
    by: str

    @property
    def who(self) -> str:
        """Its name, as a person is told."""
        return self.by.partition(" #")[0]


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody agreed to one digest. `by` is PERSON, or where the word stands (a forged lock)."""

    digest: str
    by: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Approval:
    """What is known of one ref.

    `machine`: what it executes comes from a model or a tool call. `auto`: and `approve: auto` in
    its manifest is a person's word. `held` says why a change waits, "" = none does: it goes on
    waiting whatever it becomes. `released` is the digest that a person let through and that has
    not been let through yet. `grants`: the newest last. `by`: who could write where it stands, of
    what is held for that.
    """

    machine: bool = False
    auto: bool = False
    held: Why | Literal[""] = ""
    released: str | None = None
    grants: tuple[Grant, ...] = ()
    by: str = ""


UNKNOWN = Approval()


class Approvals(Protocol):
    """Durable. Reads come from memory; a write returns when it is on disk."""

    def get(self, ref: Ref) -> Approval:
        """All that is known of `ref`; UNKNOWN = nothing."""

    def approved(self, ref: Ref, digest: str) -> bool:
        """Whether anybody agreed to this digest (sha256, 64 hex digits)."""

    async def approve(self, ref: Ref, digest: str, *, by: str) -> None:
        """Agree to it. By PERSON it counts for whatever holds the change; by anybody else (a lock
        that came with a trusted source) only for what a machine made."""

    def machine_made(self, ref: Ref) -> bool:
        """Whether what `ref` executes came through the forge or a tool call."""

    async def mark(self, ref: Ref, *, auto: bool = False) -> None:
        """It does: from now on each new digest is held until it is approved.

        To be called, and awaited, before the file is written. `auto`: whether `approve: auto` in
        its manifest counts. Only where a person wrote it there, or a person's setting did: never
        where it came with what a model said.
        """

    async def release(self, digests: Mapping[Ref, str]) -> None:
        """A person applied these: lets them through, but for what a machine made."""

    async def hold(self, ref: Ref, why: Why, *, by: str = "") -> None:
        """A change of it waits, and whatever it becomes, until one is let through. `by`: see
        Approval; who was told first stays."""

    async def settle(self, ref: Ref) -> None:
        """What it executes was let through: nothing waits any more."""

    async def withdraw(self, ref: Ref) -> None:
        """It was taken down: what a machine makes by that name from now on is asked about, whatever
        was agreed to. That a machine made it stays; of what no machine made all stays."""

    async def forget(self, ref: Ref) -> None:
        """Drop all that is known of it: the next to bear the name is a stranger."""

    def pinned(self) -> Sequence[str]:
        """Paths in which every change is held for now, absolute: an agent may write there."""

    def pinned_by(self) -> Sequence[Pin]:
        """The same, each with on whose account."""

    async def pin(self, path: str, by: str) -> None:
        """Hold every change below `path`, also after a restart, until `unpin` with the same."""

    async def unpin(self, path: str, by: str) -> None:
        """No more on account of `by`. Not pinned: no effect."""


def digest_of(executes: bytes) -> str:
    """The digest of what runs; NOTHING where nothing does."""
    return hashlib.sha256(executes).hexdigest() if executes else NOTHING
