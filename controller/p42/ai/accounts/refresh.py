"""Tokens: the key behind a reference, renewed ahead of its end if it is a token that runs out.

    asked for --> not due -------------------> the token
              --> due, still good -----------> the token; a renewal begins beside
              --> run out -------------------> waits for that renewal, then the new one, or why not

Guarantees
- Single flight: one renewal of a reference at a time, however many ask. It belongs to `Tokens`,
  not to who asked: a caller that is cancelled would else lose a refresh token that the server has
  already exchanged.
- Wall time and absolute ends: a laptop that slept, or a daemon that was restarted, knows at the
  first look what has run out.
- No storms: a failed renewal rests for LOOK seconds; one that the server refused for good is not
  tried again until something else stands behind the reference.

Prior art for what goes wrong: PrefectHQ/fastmcp#1649, can1357/oh-my-pi#12563.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from types import TracebackType

from p42.ai.accounts.tokenendpoint import renew
from p42.model.errors import Blocked, P42Error, Retry
from p42.model.ports import Clock
from p42.model.secret import Secret
from p42.stores.caught import Caught
from p42.stores.keys.keys import SystemKeys
from p42.stores.keys.redaction import Redactor
from p42.stores.keys.tokencache import Held, TokenCache, TokenSet

BEFORE = 300.0  # s before its end that a token is renewed (CONTRACT)
RETRIES = 3  # tries after the first (CONTRACT)
LOOK = 60.0  # s between two looks at the tokens in use (CONTRACT)
FIRST_REST = 1.0  # s between two tries; doubled each time
UNUSED = 3600.0  # s; the loop looks at each account once a minute, so nobody has this one any more
FAREWELL = 3.0  # s a renewal under way may take at the end: it may hold the only good token

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Use:
    """A token somebody asks for. `asked` in loop time."""

    before: float
    retries: int
    asked: float


@dataclass(frozen=True, slots=True)
class _Failure:
    """A renewal that did not come off, of what stood there then. `until` in loop time."""

    error: P42Error
    of: TokenSet
    until: float


class Tokens:
    """`async with tokens:` runs the renewals; without it, asking raises RuntimeError when due."""

    def __init__(self, keys: SystemKeys, redactor: Redactor, *, clock: Clock) -> None:
        self._cache = TokenCache(keys, redactor)
        self._clock = clock
        self._uses: dict[str, _Use] = {}
        self._flights: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, _Failure] = {}
        self._refused: dict[str, Secret] = {}
        self._group: asyncio.TaskGroup | None = None
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Tokens:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self._group.create_task(self._look_again())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None
        self._closing.set()
        if kind is None and self._flights:
            await asyncio.wait(self._flights.values(), timeout=FAREWELL)
        for flight in self._flights.values():
            flight.cancel()
        if group is not None:
            await group.__aexit__(kind, error, trace)

    async def current(
        self, reference: str, *, before: float = BEFORE, retries: int = RETRIES
    ) -> Secret:
        """The key to use now: a plain one as it stands, of a token set the access token.

        Raises as SystemKeys.read; of a token that ran out and could not be renewed, Blocked
        (KeyRejected) or Retry (ProviderDown).
        """
        held = await self._cache.load(reference)
        if held.tokens is None:
            return held.source
        self._uses[reference] = _Use(before, retries, _loop_time())
        if self._is_due(reference, held.tokens):
            self._begin(reference, held)
        if not self._is_over(reference, held.tokens):
            return held.tokens.access
        if flight := self._flights.get(reference):
            await asyncio.wait([flight])
        return await self._after(reference)

    def refuse(self, reference: str, token: Secret) -> None:
        """The vendor refused `token` before its time: it counts as run out. Then ask again."""
        self._refused[reference] = token

    async def _after(self, reference: str) -> Secret:
        """What a caller gets whose token had run out."""
        held = await self._cache.load(reference)
        if held.tokens is None:
            return held.source
        if not self._is_over(reference, held.tokens):
            return held.tokens.access
        failure = self._failures.get(reference)
        if failure is not None and failure.of == held.tokens:
            raise failure.error.with_traceback(None)  # else each caller adds to it
        raise Blocked(
            f"{reference}: the token ran out and holds nothing to renew it with; "
            "`p42 account login NAME` with a new one",
            reason="KeyRejected",
        )

    def _is_over(self, reference: str, tokens: TokenSet) -> bool:
        if self._refused.get(reference) == tokens.access:
            return True
        return tokens.expires is not None and self._clock.now() >= tokens.expires

    def _is_due(self, reference: str, tokens: TokenSet) -> bool:
        if tokens.refresh is None or not tokens.url:
            return False
        if self._is_over(reference, tokens):
            return True
        if tokens.expires is None:
            return False
        before = self._uses[reference].before
        if tokens.issued is not None:  # one of a minute's life is not renewed at every look
            before = min(before, (tokens.expires - tokens.issued) / 2)
        return self._clock.now() >= tokens.expires - before

    def _begin(self, reference: str, held: Held) -> None:
        failure = self._failures.get(reference)
        rests = failure is not None and failure.of == held.tokens and failure.until > _loop_time()
        if reference in self._flights or rests:
            return
        if self._group is None:
            raise RuntimeError("a token was due before `async with tokens` or after it")
        flight = self._group.create_task(self._fly(reference, held), name=f"renew {reference}")
        self._flights[reference] = flight
        flight.add_done_callback(lambda _: self._flights.pop(reference, None))

    async def _fly(self, reference: str, held: Held) -> None:
        assert held.tokens is not None  # noqa: S101 - only those are due
        with Caught() as caught:
            fresh = await self._tried(reference, held.tokens)
            await self._cache.save(reference, held.source, fresh)
            self._failures.pop(reference, None)
            _log.info("%s: the token was renewed", reference)
        if caught.error is None:
            return
        rest = float("inf") if isinstance(caught.error, Blocked) else LOOK
        told = caught.error
        if not isinstance(told, P42Error):
            _log.error("a bug in renewing %s", reference, exc_info=told)
            told = Retry(f"{reference}: internal error; `p42 logs daemon` has the traceback")
        _log.warning("%s is not renewed: %s", reference, told)
        self._failures[reference] = _Failure(told, held.tokens, _loop_time() + rest)

    async def _tried(self, reference: str, tokens: TokenSet) -> TokenSet:
        rest = FIRST_REST
        for left in range(self._uses[reference].retries, -1, -1):
            try:
                return await renew(reference, tokens, now=self._clock.now)
            except Retry:
                if not left or await self._closes_within(rest):
                    raise
            rest *= 2
        raise AssertionError("the last try returns or raises")

    async def _closes_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._closing.wait()
        except TimeoutError:
            return False

    async def _look_again(self) -> None:
        """Begin what is due, though nobody asks just now."""
        while not await self._closes_within(LOOK):
            await self._cache.flush()
            now = _loop_time()
            self._uses = {name: use for name, use in self._uses.items() if now - use.asked < UNUSED}
            for reference in list(self._uses):
                try:
                    held = await self._cache.load(reference)
                except P42Error:
                    continue  # whoever asks for it is told
                if held.tokens is not None and self._is_due(reference, held.tokens):
                    self._begin(reference, held)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
