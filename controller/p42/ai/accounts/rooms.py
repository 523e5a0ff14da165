"""Rooms: how much a model takes at once, as the public list knows it."""

from __future__ import annotations

import asyncio

from p42.ai.accounts.directory import Account
from p42.ai.accounts.ports import Contexts

MOST = 1000  # models that are remembered; clients name models, and may make them up


class Rooms:
    """Asked before every message: after a model's first, it is a look into memory."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._known: dict[tuple[str, str, str], int | None] = {}

    async def of(self, account: Account, model: str) -> int | None:
        """Tokens; None = nobody knows."""
        spec = account.spec
        key = (str(spec["provider"]), str(spec.get("baseUrl") or ""), model)
        if key not in self._known:
            found = await asyncio.to_thread(self._contexts, spec, model)
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = found
        return self._known[key]
