"""TokenSet: an OAuth token with what it takes to renew it; TokenCache: where renewed ones are kept.

A key reference may lead to a JSON object instead of a plain key:

    {"access_token": ..., "refresh_token": ..., "expires_at": 1790000000,
     "token_url": "https://...", "client_id": ..., "client_secret": ..., "scope": ...}

`expires_at` is absolute (seconds since the epoch, or ISO 8601): what is relative means nothing
after a restart (modelcontextprotocol/python-sdk#1250: such tokens were never renewed).

A renewed set goes back to where the old one stood, if that is a store of ours and it is still
there; for a variable or a file of the user's, into an entry of its own beside. Both are encrypted
by their store. Where no store takes it, memory holds it and each look tries again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from p42.model.errors import Blocked, P42Error
from p42.model.secret import Secret
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.redaction import Redactor
from p42.stores.keys.reference import NoKey

BESIDE = "keychain:p42-tokens/"  # and the digest of the reference it belongs to

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenSet:
    """`expires`, `issued`: wall seconds, None = not known. `rest` is kept as it came."""

    access: Secret
    refresh: Secret | None
    expires: float | None
    issued: float | None
    url: str
    client_id: str
    client_secret: Secret | None
    rest: Mapping[str, Any] = field(repr=False)  # holds them all

    def secrets(self) -> tuple[Secret, ...]:
        """Each of them."""
        found = (self.access, self.refresh, self.client_secret)
        return tuple(each for each in found if each is not None)

    def text(self) -> Secret:
        """As it is kept."""
        body = {
            **self.rest, "access_token": self.access.reveal(),
            "expires_at": self.expires, "issued_at": self.issued,
        }  # fmt: skip
        if self.refresh is not None:
            body["refresh_token"] = self.refresh.reveal()
        return Secret(json.dumps({name: each for name, each in body.items() if each is not None}))


def token_set(text: str) -> TokenSet | None:
    """The set that `text` is; None = it is a plain key."""
    if not text.startswith("{"):
        return None
    try:
        body = json.loads(text)
    except ValueError:
        return None
    if not isinstance(body, dict) or not _text(body, "access_token"):
        return None
    return TokenSet(
        access=Secret(_text(body, "access_token")),
        refresh=_secret(body, "refresh_token"),
        expires=_instant(body.get("expires_at")),
        issued=_instant(body.get("issued_at")),
        url=_text(body, "token_url"),
        client_id=_text(body, "client_id"),
        client_secret=_secret(body, "client_secret"),
        rest=body,
    )


def _text(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name)
    return found if isinstance(found, str) else ""


def _secret(body: Mapping[str, Any], name: str) -> Secret | None:
    found = _text(body, name)
    return Secret(found) if found else None


def _instant(value: object) -> float | None:
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            found = datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        else:
            number = isinstance(value, int | float | str) and not isinstance(value, bool)
            found = float(value) if number else math.nan  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found > 0 else None


@dataclass(frozen=True, slots=True)
class Held:
    """What a reference leads to now. `source` is what stands there, word for word."""

    source: Secret
    tokens: TokenSet | None  # None = `source` is a plain key


class TokenCache:
    """Reads and writes token sets through `keys`; every token is known to `redactor` first."""

    def __init__(self, keys: SystemKeys, redactor: Redactor) -> None:
        self._keys, self._redactor = keys, redactor
        self._memory: dict[str, tuple[Secret, TokenSet]] = {}  # the newest, by reference
        self._unsaved: set[str] = set()

    async def load(self, reference: str) -> Held:
        """The newest there is. Raises as SystemKeys.read."""
        source = await self._keys.read(reference)
        tokens = token_set(source.reveal())
        if tokens is None:
            return Held(source, None)
        self._redactor.add(*tokens.secrets())
        if reference not in self._memory and not _is_ours(reference):
            await self._recall(reference, source)
        known, newer = self._memory.get(reference, (None, tokens))
        return Held(source, newer if known == source else tokens)

    async def save(self, reference: str, source: Secret, renewed: TokenSet) -> None:
        """Keep what `source` was renewed to. Never raises for what a store refuses."""
        self._redactor.add(*renewed.secrets())
        self._memory[reference] = source, renewed
        self._unsaved.add(reference)
        await self.flush()

    async def flush(self) -> None:
        """Write what no store has taken yet."""
        for reference in list(self._unsaved):
            source, renewed = self._memory[reference]
            try:
                await self._write(reference, source, renewed)
            except P42Error as error:
                _log.warning("a renewed token of %s is in memory only: %s", reference, error)
            else:
                self._unsaved.discard(reference)

    async def _write(self, reference: str, source: Secret, renewed: TokenSet) -> None:
        if _is_ours(reference):
            await self._keys.renew(reference, renewed.text(), old=source)
            del self._memory[reference]  # what stands there now is the newest
            return
        body = {"source": _digest(source), "tokens": json.loads(renewed.text().reveal())}
        text = Secret(json.dumps(body))
        try:
            await self._keys.put(_beside(reference), text)
        except NoKey:
            if not (await self._keys.where()).unlocked:
                raise
            await self._keys.put(_beside(reference), text, store="file")

    async def _recall(self, reference: str, source: Secret) -> None:
        """What an earlier daemon kept beside, if it was made of what stands there now."""
        try:
            body = json.loads((await self._keys.read(_beside(reference))).reveal())
        except (Blocked, ValueError):
            return
        newer = token_set(json.dumps(body.get("tokens")))
        if newer is not None and body.get("source") == _digest(source):
            self._redactor.add(*newer.secrets())
            self._memory[reference] = source, newer


def renewed(old: TokenSet, answer: Mapping[str, Any], now: float) -> TokenSet | None:
    """`old` as a token endpoint's answer (RFC 6749, 5.1) makes it; None = it holds no token.

    Without a new refresh token the old one stays good (RFC 6749, 6).
    """
    access = _text(answer, "access_token")
    if not access:
        return None
    lasts = _instant(answer.get("expires_in"))
    return replace(
        old,
        access=Secret(access),
        refresh=_secret(answer, "refresh_token") or old.refresh,
        expires=None if lasts is None else now + lasts,
        issued=now,
    )


def _is_ours(reference: str) -> bool:
    return reference.startswith("keychain:")


def _beside(reference: str) -> str:
    return BESIDE + hashlib.sha256(reference.encode()).hexdigest()[:32]


def _digest(source: Secret) -> str:
    return hashlib.sha256(source.reveal().encode("utf-8", "surrogatepass")).hexdigest()
