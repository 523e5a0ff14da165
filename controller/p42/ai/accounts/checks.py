"""Checks: whether a provider takes an account's key, asked without spending, in the background.

    nothing known      InProgress; the question runs in the background
    well, refused      kept until the spec or the key changes, or somebody asks again
    no answer          asked again when somebody looks, at most every AGAIN seconds

Nobody waits for a keychain or a vendor here but the question's own task: an account is looked at by
a worker that others wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from p42.ai.accounts.clients import Clients, look_of
from p42.ai.accounts.directory import Account
from p42.model.completion import Cut, Health
from p42.model.errors import Blocked, P42Error, Retry
from p42.model.refs import Ref
from p42.model.secret import Secret

DEADLINE = 20.0  # s; a list of models comes in one, and a local server starts in two
AGAIN = 30.0  # s between two looks at a key, and two questions to a provider that did not answer
WAITS = Health("InProgress", "the key is being checked with the provider")
WELL = Health()
# Nothing in the file may change by itself: what the vendor said stays in `message`.
TEMPLATES = {
    "KeyRejected": "the provider refuses the key; store a valid one: p42 account login NAME",
    "KeyMissing": "the key reference leads to nothing",
    "KeyLocked": "the key is locked away; unlock it",
}


@dataclass(slots=True)
class _Known:
    """What is known of one account. `look` and `key`: of what; `at`: when it was looked at."""

    look: str
    health: Health = WAITS
    key: Secret | None = None
    at: float = 0.0
    asking: bool = False


class Checks:
    """`start` runs a task in the background; `rang` is called when the answer is another."""

    def __init__(
        self,
        clients: Clients,
        *,
        now: Callable[[], float],
        start: Callable[[Callable[[], Awaitable[None]]], None],
        rang: Callable[[Ref], None],
    ) -> None:
        self._clients, self._now, self._start, self._rang = clients, now, start, rang
        self._known: dict[Ref, _Known] = {}

    def health(self, account: Account, *, passable: bool) -> Health:
        """What is known. Starts a question where one is due.

        `passable`: whether the provider may be asked now; it may not while a breaker is open.
        """
        look = look_of(account.spec)
        known = self._known.get(account.ref)
        if known is None or known.look != look:
            known = self._known[account.ref] = _Known(look)
        due = known.health is WAITS or self._now() - known.at >= AGAIN
        if due and passable and not known.asking:
            known.asking = True
            self._start(lambda: self._look(account, known))
        return known.health

    async def ask(self, account: Account) -> Health:
        """Ask now, and wait for it."""
        known = self._known[account.ref] = _Known(look_of(account.spec), asking=True)
        await self._look(account, known, anew=True)
        return known.health

    def proved(self, ref: Ref) -> None:
        """A call got an answer: the key is good and the provider is up."""
        known = self._known.get(ref)
        if known is not None and known.health.reason:
            self._learn(ref, known, WELL)

    def refused(self, ref: Ref, error: Blocked) -> None:
        """A call was refused its key."""
        known = self._known.get(ref)
        if known is not None:
            self._learn(ref, known, _health_of(error))

    def touch(self, ref: Ref) -> None:
        """Its key may have changed: the next look reads it."""
        known = self._known.get(ref)
        if known is not None:
            known.at = self._now() - AGAIN
        self._rang(ref)  # one whose key was missing is not known here, and waits for just that

    async def _look(self, account: Account, known: _Known, *, anew: bool = False) -> None:
        try:
            health, key = known.health, known.key
            try:
                key = await self._clients.key(account)
                settled = health is not WAITS and health.reason != "ProviderDown"
                if anew or key != known.key or not settled:
                    health = await self._question(account)
            except (Blocked, Retry, Cut) as error:
                health = _health_of(account.named(error) if isinstance(error, Blocked) else error)
            known.key, known.at = key, self._now()
            self._learn(account.ref, known, health)
        finally:
            known.asking = False

    async def _question(self, account: Account) -> Health:
        try:
            async with asyncio.timeout(DEADLINE), self._clients.use(account) as provider:
                await provider.check()
        except TimeoutError:
            return Health("ProviderDown", f"no answer within {DEADLINE:.0f} s")
        return WELL

    def _learn(self, ref: Ref, known: _Known, health: Health) -> None:
        changed = known.health != health or known.health.message != health.message
        known.health = health
        if changed:
            self._rang(ref)


def _health_of(error: P42Error) -> Health:
    """RateLimited is no news of the key, but who is told to wait was let in."""
    match error:
        case Retry(reason="RateLimited"):
            return WELL
        case Retry() | Cut():  # a Cut here is an answer that is none: nonsense, or half of one
            return Health("ProviderDown", str(error))
        case Blocked():
            template = error.template or TEMPLATES.get(error.reason, "")
            return Health(error.reason, str(error), template)
    raise AssertionError(f"{type(error).__name__} says nothing of a key")
