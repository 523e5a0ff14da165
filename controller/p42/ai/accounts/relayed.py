"""Relayed: a request in Anthropic's own words as the question of an exchange.

What the vendor answers is passed on as it comes, its refusals too, but for those that time or
another key may mend: these are tried again as any call is, and are errors only in the end.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, cast

from p42.ai.accounts.exchange import Ending
from p42.model.completion import Cut, Usage
from p42.model.errors import Blocked, Retry
from p42.model.models import Provider
from p42.model.relay import Closing, Opening, Relay
from p42.providers.faults import Faults
from p42.providers.relay import Relay as Relays
from p42.providers.relay import Relayed
from p42.providers.usagetap import UsageTap

MOST_REFUSAL = 1 << 20  # bytes of a refusal that are read; an error object has some hundred
AROUND = 4096  # tokens that the vendor adds around what is sent: turns, tools, their instructions
WHOLE = 1_000_000  # tokens: a whole context
# What costs more tokens than its bytes: what is only pointed at or fetched there, pages that are
# compressed, pictures (docs: vision, 1,600 each, three times that in the newer models). As they
# stand in compact JSON; inside a text the quotes would be escaped.
_DEARER = {
    b'"type":"url"': WHOLE, b'"type":"file"': WHOLE, b'"type":"web_': WHOLE,
    b'"media_type":"application/pdf"': WHOLE, b'"type":"image"': 5_000,
}  # fmt: skip

_FOR_AN_HOUR = b'"ttl":"1h"'  # twice the price of what is sent, in the place of 1.25 times it

Piece = Opening | bytes | Closing


class Passed:
    """One request. `host` is for messages."""

    def __init__(self, relay: Relay, *, host: str) -> None:
        self._relay, self._faults = relay, Faults("Anthropic", host)
        self._tap: UsageTap | None = None

    @property
    def model(self) -> str:
        """For the price and the journal."""
        return self._relay.model

    def most(self, provider: Provider) -> tuple[int, int]:
        """The most tokens, in and out: a token stands for a byte of the request at least."""
        return bound(self._relay.body), self._relay.max_tokens

    async def stream(self, provider: Provider) -> AsyncIterator[Piece]:
        """Put it to `provider`. Raises Retry, Blocked (KeyRejected) or Cut with its count."""
        self._tap = None
        answer = await cast(Relays, provider).relay(self._relay.body, self._relay.headers)
        async with aclosing(answer.chunks) as chunks:
            if answer.status < 300:
                async for piece in self._answer(answer, chunks):
                    yield piece
                return
            said = await _all(chunks)
        mend = self._faults.refused(answer.status, headers=answer.headers, body=_read(said))
        if isinstance(mend, Retry) or mend.reason == "KeyRejected":
            raise mend
        yield Opening(answer.status, answer.headers)
        yield said
        yield Closing(Usage())

    def ending(self, piece: Piece) -> Ending | None:
        """The Closing is the last."""
        return Ending(piece.usage, piece.vendor_id) if isinstance(piece, Closing) else None

    def so_far(self) -> Usage | None:
        """What an answer that is left off here costs at most; None = nobody knows."""
        return self._tap.usage if self._tap is not None else None

    async def _answer(self, answer: Relayed, chunks: AsyncIterator[bytes]) -> AsyncIterator[Piece]:
        kind = answer.headers.get("content-type", "")
        self._tap = tap = UsageTap(content_type=kind, most=self._relay.max_tokens)
        yield Opening(answer.status, answer.headers)
        try:
            async for chunk in chunks:
                tap.feed(chunk)
                yield chunk
        except Cut as cut:
            raise Cut(str(cut), usage=tap.usage, passes=cut.passes) from None
        tap.end()
        if not tap.whole:
            what = f"told {tap.failed}" if tap.failed else "ended its answer too early"
            raise Cut(f"Anthropic {what} in the middle of its answer", usage=tap.usage)
        yield Closing(tap.usage, answer.headers.get("request-id", "") or tap.vendor_id)


def bound(body: bytes) -> int:
    """Tokens that the request in `body` (compact JSON) can be at most.

    What is kept for an hour costs as much as more tokens kept for five minutes, which `Price.worst`
    counts on.
    """
    most = len(body) + AROUND + sum(body.count(word) * more for word, more in _DEARER.items())
    return -(-most * 8 // 5) if _FOR_AN_HOUR in body else most


async def _all(chunks: AsyncIterator[bytes]) -> bytes:
    said = b""
    async for chunk in chunks:
        said += chunk
        if len(said) > MOST_REFUSAL:
            raise Blocked("Anthropic refused at a length that is not read")
    return said


def _read(said: bytes) -> Mapping[str, Any] | str:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else said.decode(errors="replace")
