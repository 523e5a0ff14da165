"""Allowance: how a program that is an agent asks models: at p42's own door, with a token of p42's.

The token is for one agent, account and model, and ends with the program. No key is in it, nor in
the environment; what it asks for is metered, and refused past a budget, like any other call.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from p42.model.completion import Usage
from p42.model.errors import Blocked
from p42.model.models import Relaying
from p42.model.secret import MASK
from p42.stores.tokens import SqliteTokens

RUN = "run:"  # how the names of such tokens begin
# Names that the claude CLI makes models of by itself.
ALIASES = frozenset({"default", "best", "opus", "sonnet", "haiku", "opusplan", "fable"})
WIDE = "[1m]"  # the CLI's mark for a long context; the vendor never sees it
MODELS = (
    "ANTHROPIC_SMALL_FAST_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_OPUS_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL",
)  # fmt: skip
NO_DOOR = (
    "programs ask their models at p42's HTTP door, and it is not open: its port is taken "
    "(`p42 doctor` says by whom); free it, or set http.port"
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """`account` "" = it has none. `spent` tells micro-USD so far, `used` tokens (None = nobody
    counted any); `clean` takes the token out."""

    account: str
    model: str
    env: Mapping[str, str] = field(repr=False)
    secret: str = field(default="", repr=False)
    spent: Callable[[], int] = field(default=lambda: 0, repr=False)
    used: Callable[[], Usage | None] = field(default=lambda: None, repr=False)

    def clean(self, text: str) -> str:
        """`text` without the token."""
        return text.replace(self.secret, MASK) if self.secret else text


class Allowances:
    """`port` is the HTTP door's; None = it is not open."""

    def __init__(
        self, models: Relaying, tokens: SqliteTokens, *, port: Callable[[], int | None]
    ) -> None:
        self._models, self._tokens, self._port = models, tokens, port

    async def begin(self) -> None:
        """At start: tokens of programs that a crash ended are void."""
        await self._tokens.drop_all(RUN)

    @asynccontextmanager
    async def given(
        self, by: str, session: str, *, account: str | None, model: str, needed: bool
    ) -> AsyncIterator[Allowance]:
        """Until the block ends. `by` is billed, `model` "" is the account's first.

        Without an account or an open door: Blocked if it is `needed`, else there is nobody to ask.
        """
        port = self._port()
        try:
            name, spec = self._models.spec_of(account)
            if port is None:
                raise Blocked(NO_DOOR)
        except Blocked:
            if needed:
                raise
            yield Allowance("", model, {})
            return
        model = model or next(iter(spec.get("models") or ()), "")
        only = () if not model or model in ALIASES else (model.removesuffix(WIDE),)
        run = f"{RUN}{by} {session}"
        secret = await self._tokens.mint(by, name=run, account=name, models=only)
        try:
            env = environment(port, secret, model=only[0] if only else "")
            tokens = self._tokens
            yield Allowance(
                name, model, env, secret,
                lambda: tokens.counted(secret), lambda: tokens.consumed(secret),
            )  # fmt: skip
        finally:
            await self._tokens.drop(run)


def environment(port: int, secret: str, *, model: str) -> dict[str, str]:
    """What makes Anthropic's clients ask at the door, and nowhere else."""
    return {
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}",
        "ANTHROPIC_API_KEY": secret, "ANTHROPIC_AUTH_TOKEN": secret,
        # The one variable that stops every connection to elsewhere; others leave some open.
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",  # what may pass was tried three times behind the door
        "ENABLE_TOOL_SEARCH": "true",  # off by default where the host is not Anthropic's own
        **(dict.fromkeys(MODELS, model) if model else {}),
    }  # fmt: skip


def unrestrained(args: Any, *, wrapped: bool) -> dict[str, str]:
    """The CLI lets root skip permissions only where it is told of a sandbox: in one, it is true."""
    skips = any("dangerously-skip-permissions" in arg or "bypassPermissions" in arg for arg in args)
    return {"IS_SANDBOX": "1"} if wrapped and skips and os.geteuid() == 0 else {}
