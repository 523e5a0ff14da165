"""SqliteTokens: who may use the HTTP door. Secrets are shown once and kept as their digests only.

Guarantees
- A secret has 256 random bits; state.db holds its SHA-256, and what is shown is compared in
  constant time. The id in front of it is no secret: it only finds the row.
- A revoked token is refused, and what it has open is ended, before `revoke` returns, also where
  the disk refuses to forget it (then the error says that it would come back with a restart).
- A child's token is made anew each time it is minted: the one before it is void.
- What a child's calls may cost is counted before they are made, and survives a kill -9.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from p42.model.completion import Usage
from p42.model.errors import Blocked, P42Error
from p42.model.money import usd
from p42.model.plan import Instant
from p42.model.ports import Clock
from p42.model.tokens import Bound, Token, scopes_of
from p42.stores.state.database import Database
from p42.stores.state.rows import dumps, sealed, unsealed

MOST = 1_000  # tokens: far more than a person has, far fewer than would slow a start
FRESH = 60.0  # s in which a use is not written again: at most one write a minute for each token
KEPT = 30 * 86400.0  # s for which `list` still shows an expired one
_SHOWN = re.compile(r"p42_([0-9a-f]{12})_([A-Za-z0-9_-]{43})\Z")
_LOAD = "SELECT id, digest, facts, seal FROM tokens"
_PUT = "INSERT OR REPLACE INTO tokens (id, digest, facts, seal) VALUES (?, ?, ?, ?)"
_DROP = "DELETE FROM tokens WHERE id = ?"


@dataclass(frozen=True, slots=True)
class _Kept:
    token: Token
    digest: str  # SHA-256 of the secret, hex


class SqliteTokens:
    """Every token, read from memory. Use from the event loop alone."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._rows: dict[str, _Kept] = dict(database.load(_LOAD, _read))
        self._tellers: list[Callable[[str], None]] = []
        self._counts: dict[str, int] = {}  # micro-USD by the id of a child's token
        self._usage: dict[str, Usage] = {}
        database.keep(self._restore)

    def tell(self, ended: Callable[[str], None]) -> None:
        """Call `ended` with the id of each token that ends before its time."""
        self._tellers.append(ended)

    def all(self) -> tuple[Token, ...]:
        """The person's own, oldest first."""
        found = [kept.token for kept in self._rows.values() if kept.token.bound is None]
        return tuple(sorted(found, key=lambda token: (token.created, token.id)))

    def find(self, shown: str) -> Token | None:
        """Whose secret that is; None for one that is unknown, revoked or over."""
        match = _SHOWN.match(shown)
        kept = self._rows.get(match[1]) if match else None
        if match is None or kept is None or kept.token.is_over(self._clock.now()):
            return None
        return kept.token if secrets.compare_digest(kept.digest, _digest(match[2])) else None

    async def create(
        self, *, name: str, scopes: Sequence[str], lifetime: float | None
    ) -> tuple[Token, str]:
        """A person's token, and what to show for it: nobody can tell it again.

        `lifetime` in seconds, None = until revoked. InvalidInput for unknown scopes.
        """
        now = self._clock.now()
        await self._sweep(now)
        if len(self._rows) >= MOST:
            raise Blocked(f"there are {MOST} tokens already; p42 token revoke ID frees one")
        expires = None if lifetime is None else Instant(now + lifetime)
        token = Token(secrets.token_hex(6), name, scopes_of(scopes), now, expires)
        return token, await self._add(token)

    async def revoke(self, which: str) -> Token:
        """End it, by its id or the only id that begins so. P42Error if there is none."""
        token = self._named(which)
        await self._end(token.id)
        return token

    async def mint(
        self,
        agent: str,
        *,
        name: str = "",
        account: str | None = None,
        models: Sequence[str] = (),
        budget: int | None = None,
        lifetime: float | None = None,
    ) -> str:
        """The secret of a new token for a child that asks models as `agent`.

        The former of that `name` is void; "" = the agent's own.
        """
        name = name or agent
        await self.drop(name)
        now = self._clock.now()
        expires = None if lifetime is None else Instant(now + lifetime)
        bound = Bound(agent, account, tuple(models), budget)
        return await self._add(Token(secrets.token_hex(6), name, (), now, expires, bound=bound))

    async def drop(self, name: str) -> None:
        """End what was minted under `name`. Nothing there: no effect."""
        await self._drop(lambda minted: minted == name)

    async def drop_all(self, beginning: str) -> None:
        """End what was minted under names that begin so: what a crash left behind."""
        await self._drop(lambda minted: minted.startswith(beginning))

    def count(self, token: Token, cost: int, usage: Usage | None = None) -> None:
        """Micro-USD that a call with a child's token did cost, and what the vendor counted."""
        if token.bound is not None and token.id in self._rows:
            self._counts[token.id] = self._counts.get(token.id, 0) + cost
            if usage is not None:
                self._usage[token.id] = self._usage.get(token.id, Usage()) + usage

    def counted(self, shown: str) -> int:
        """Micro-USD of the calls made with a child's token so far, since p42 started."""
        token = self.find(shown)
        return self._counts.get(token.id, 0) if token is not None else 0

    def consumed(self, shown: str) -> Usage | None:
        """Tokens of those calls; None = none was made, or none was counted."""
        token = self.find(shown)
        return self._usage.get(token.id) if token is not None else None

    async def used(self, token: Token) -> None:
        """Note that it is in use. A disk that refuses is no reason to refuse the client."""
        kept, now = self._rows.get(token.id), self._clock.now()
        if kept is None or abs(now - (kept.token.last_used or 0.0)) < FRESH:
            return
        with contextlib.suppress(P42Error):
            await self._change(replace(kept.token, last_used=now))

    async def reserve(self, token: Token, worst: int) -> None:
        """Count `worst` micro-USD as spent, before the call. Blocked (BudgetExceeded) if too much.

        Nothing is awaited between check and count: two calls never share one rest.
        """
        bound = self._bound(token)
        if bound is None:
            return
        if bound.budget is not None and not bound.spent + worst <= bound.budget:
            raise Blocked(
                f"{bound.agent} may spend {usd(bound.budget)}, {usd(bound.spent)} is spent, and "
                f"this call can cost {usd(worst)}: it was not made. Raise the agent's budget",
                reason="BudgetExceeded",
            )
        await self._spend(token, worst)

    async def settle(self, token: Token, *, worst: int, cost: int) -> None:
        """Of what was reserved, `cost` is kept."""
        if self._bound(token) is not None:
            await self._spend(token, cost - worst)

    async def _spend(self, token: Token, amount: int) -> None:
        now = self._rows[token.id].token
        if now.bound is not None and amount:
            await self._change(
                replace(now, bound=replace(now.bound, spent=now.bound.spent + amount))
            )

    async def _drop(self, ends: Callable[[str], bool]) -> None:
        for token in [kept.token for kept in self._rows.values()]:
            if token.bound is not None and ends(token.name):
                await self._end(token.id)

    def _bound(self, token: Token) -> Bound | None:
        kept = self._rows.get(token.id)
        return kept.token.bound if kept is not None else None

    def _named(self, which: str) -> Token:
        found = [token for token in self.all() if which and token.id.startswith(which)]
        if len(found) == 1:
            return found[0]
        what = "several tokens begin" if found else "no token begins"
        raise P42Error(f"{what} with {which!r}; see: p42 token list")

    async def _add(self, token: Token) -> str:
        secret = secrets.token_urlsafe(32)
        kept = _Kept(token, _digest(secret))

        def then() -> None:
            self._rows[token.id] = kept

        await self._database.write(lambda db: db.execute(_PUT, _row(kept)), then=then)
        return f"p42_{token.id}_{secret}"

    async def _change(self, token: Token) -> None:
        """In memory before the await; not synced: a crash of p42 loses nothing of it."""
        self._rows[token.id] = replace(self._rows[token.id], token=token)

        def change(db: sqlite3.Connection) -> None:
            kept = self._rows.get(token.id)  # revoked meanwhile, it must not come back
            if kept is not None:
                db.execute(_PUT, _row(kept))

        await self._database.write(change, durable=False)

    async def _end(self, name: str) -> None:
        self._rows.pop(name, None)
        self._counts.pop(name, None)
        self._usage.pop(name, None)
        for tell in self._tellers:
            tell(name)
        try:
            await self._database.write(lambda db: db.execute(_DROP, (name,)))
        except P42Error as error:
            raise P42Error(
                f"token {name} is refused from now on, but state.db still holds it, and after a "
                f"restart it would count again: {error}; then revoke it once more"
            ) from error

    async def _sweep(self, now: Instant) -> None:
        for token in [kept.token for kept in self._rows.values()]:
            if token.expires is not None and token.expires + KEPT < now:
                await self._end(token.id)

    def _restore(self, db: sqlite3.Connection) -> None:
        found = list(self._rows.values())
        db.execute("DELETE FROM tokens")
        db.executemany(_PUT, [_row(kept) for kept in found])


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash: there is no dictionary to go through.
    return hashlib.sha256(secret.encode()).hexdigest()


def _row(kept: _Kept) -> tuple[Any, ...]:
    return sealed(kept.token.id, kept.digest, dumps(asdict(kept.token)))


def _read(row: tuple[Any, ...]) -> tuple[str, _Kept]:
    name, digest, facts = unsealed(row)
    body = json.loads(facts)
    bound = body.pop("bound")
    if bound is not None:
        bound = Bound(**{**bound, "models": tuple(bound["models"])})
    return name, _Kept(Token(**{**body, "scopes": tuple(body["scopes"])}, bound=bound), digest)
