"""Bell: tells followers which refs may have changed. Rung twice before it is heard is once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from p42.model.refs import Ref


class Bell:
    """Each follower has a set of its own: none holds another up, and refs bound it."""

    def __init__(self) -> None:
        self._ears: list[_Ear] = []

    def ring(self, ref: Ref) -> None:
        """`ref` may have changed. Never blocks."""
        for ear in self._ears:
            ear.refs.add(ref)
            ear.heard.set()

    def follow(self) -> AsyncIterator[Ref]:
        """Refs as they ring, from this call on, until closed."""
        ear = _Ear()
        self._ears.append(ear)
        return self._heard(ear)

    async def _heard(self, ear: _Ear) -> AsyncIterator[Ref]:
        try:
            while True:
                await ear.heard.wait()
                ear.heard.clear()
                refs, ear.refs = sorted(ear.refs), set()
                for ref in refs:
                    yield ref
        finally:
            self._ears.remove(ear)


class _Ear:
    def __init__(self) -> None:
        self.refs: set[Ref] = set()
        self.heard = asyncio.Event()
