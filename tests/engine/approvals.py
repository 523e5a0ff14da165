"""Approvals for tests: what a disk would hold of them, without one. Passes the store's contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from p42.model.approval import PERSON, UNKNOWN, Approval, Grant, Pin, Why
from p42.model.plan import Instant
from p42.model.refs import Ref


class MemoryApprovals:
    """Survives the engine. `around` is called before and after each write, and may crash it."""

    def __init__(self) -> None:
        self.rows: dict[Ref, Approval] = {}
        self.pins: set[tuple[str, str]] = set()
        self.writes = 0
        self.around: Callable[[], None] = lambda: None

    def get(self, ref: Ref) -> Approval:
        return self.rows.get(ref, UNKNOWN)

    def approved(self, ref: Ref, digest: str) -> bool:
        return any(grant.digest == digest for grant in self.get(ref).grants)

    def machine_made(self, ref: Ref) -> bool:
        return self.get(ref).machine

    async def approve(self, ref: Ref, digest: str, *, by: str) -> None:
        grant, old = Grant(digest, by, Instant(0)), self.get(ref)
        grants = (*(g for g in old.grants if g.digest != digest), grant)
        released = digest if by == PERSON else old.released
        await self._write(ref, replace(old, grants=grants, released=released))

    async def mark(self, ref: Ref, *, auto: bool = False) -> None:
        await self._write(ref, replace(self.get(ref), machine=True, auto=auto))

    async def release(self, digests: Mapping[Ref, str]) -> None:
        for ref, digest in digests.items():
            await self._write(ref, replace(self.get(ref), released=digest))

    async def hold(self, ref: Ref, why: Why, *, by: str = "") -> None:
        if self.get(ref).held != why:
            await self._write(ref, replace(self.get(ref), held=why, by=by))

    async def settle(self, ref: Ref) -> None:
        await self._write(ref, replace(self.get(ref), held="", released=None, by=""))

    async def withdraw(self, ref: Ref) -> None:
        if (old := self.get(ref)).machine:
            await self._write(ref, replace(old, grants=(), released=None))

    async def forget(self, ref: Ref) -> None:
        self.rows.pop(ref, None)

    def pinned(self) -> tuple[str, ...]:
        return tuple(sorted({path for path, _ in self.pins}))

    def pinned_by(self) -> tuple[Pin, ...]:
        return tuple(Pin(*each) for each in sorted(self.pins))

    async def pin(self, path: str, by: str) -> None:
        self.pins.add((path, by))

    async def unpin(self, path: str, by: str) -> None:
        self.pins.discard((path, by))

    async def _write(self, ref: Ref, row: Approval) -> None:
        if row == self.get(ref):
            return
        self.around()
        await asyncio.sleep(0)
        self.rows[ref] = row
        self.writes += 1
        self.around()
