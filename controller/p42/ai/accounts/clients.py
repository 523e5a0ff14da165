"""Clients: one open, pooled client for each account, made anew when its spec or its key changes.

Guarantees: a client that was replaced is closed when its last call has ended, not under it; opening
is single flight for each account and blocks nobody else: the SDKs are imported in a thread, and
only when the first call needs them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from p42.ai.accounts.directory import Account
from p42.ai.accounts.ports import KeySource, LocalServer, Opens, Spec
from p42.model.models import Provider
from p42.model.quantity import seconds
from p42.model.refs import Ref
from p42.model.secret import Secret

# What an open client does not depend on: it may change under it.
_ELSEWHERE = frozenset({"default", "models", "rateLimit", "budget", "prices"})


@dataclass(slots=True)
class _Client:
    spec: Spec
    look: str  # of the spec, and the local server's address
    key: Secret | None
    provider: Provider
    users: int = 0
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A client in use by one call."""

    client: _Client
    held: ExitStack

    @property
    def provider(self) -> Provider:
        """What it is a client of."""
        return self.client.provider


class Clients:
    """All of them; `close` at the end."""

    def __init__(self, keys: KeySource, opens: Opens, local: LocalServer) -> None:
        self._keys, self._opens, self._local = keys, opens, local
        self._clients: dict[Ref, _Client] = {}
        self._turns: dict[Ref, asyncio.Lock] = {}

    @asynccontextmanager
    async def use(self, account: Account) -> AsyncIterator[Provider]:
        """The account's client, for one call. Raises what opening raises: Blocked, or Retry."""
        taken = await self.take(account)
        try:
            yield taken.provider
        finally:
            await self.give_back(taken)

    async def take(self, account: Account) -> Taken:
        """The same without a block; `give_back` has to follow."""
        with ExitStack() as held:
            if account.is_local:
                held.enter_context(self._local.hold())
            client = await self._current(account)
            client.users += 1  # no await since it was found open
            return Taken(client, held.pop_all())

    async def give_back(self, taken: Taken) -> None:
        """The call has ended."""
        with taken.held:
            taken.client.users -= 1
            await self._close_if_done(taken.client)

    async def key(self, account: Account) -> Secret | None:
        """The key as it stands now; None = the account has none."""
        reference = account.spec.get("key")
        if not reference or account.is_local:
            return None
        refresh = account.spec.get("refresh") or {}
        return await self._keys.current(
            reference,
            before=seconds(refresh.get("before", "5m")),
            retries=int(refresh.get("retries", 3)),
        )

    async def another_key(self, account: Account) -> bool:
        """The vendor refused the key in use: whether there is another one by now."""
        client = self._clients.get(account.ref)
        if client is None or client.key is None:
            return False
        self._keys.refuse(account.spec["key"], client.key)
        return await self.key(account) != client.key

    async def retire(self, ref: Ref) -> None:
        """The next call opens a new one, with the key as it is then."""
        client = self._clients.pop(ref, None)
        if client is not None:
            client.retired = True
            await self._close_if_done(client)

    async def close(self) -> None:
        """Close all of them."""
        for ref in list(self._clients):
            await self.retire(ref)

    async def _current(self, account: Account) -> _Client:
        # Read for every call: one that is open with yesterday's key would be refused.
        base_url, own_key = await self._local.address() if account.is_local else (None, "")
        key = Secret(own_key) if own_key else await self.key(account)
        known = self._clients.get(account.ref)
        if known is not None and known.spec is account.spec and known.key == key and not base_url:
            return known  # the usual case, without a digest
        look = look_of(account.spec) + (base_url or "")
        async with self._turns.setdefault(account.ref, asyncio.Lock()):
            known = self._clients.get(account.ref)
            if known is not None and (known.look, known.key) == (look, key):
                known.spec = account.spec
                return known
            shown = key.reveal() if key else None
            provider = await asyncio.to_thread(self._opens, account.spec, shown, base_url=base_url)
            await self.retire(account.ref)
            made = self._clients[account.ref] = _Client(account.spec, look, key, provider)
            return made

    async def _close_if_done(self, client: _Client) -> None:
        if client.retired and not client.users:
            await client.provider.close()


def look_of(spec: Spec) -> str:
    """A digest of what a client is made of, but for the key itself."""
    parts = {name: value for name, value in spec.items() if name not in _ELSEWHERE}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
