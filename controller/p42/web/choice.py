"""Choice: which account and which of its models a request gets, by its token and what it asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from p42.model.errors import InvalidInput
from p42.model.models import Relaying
from p42.model.tokens import Token
from p42.web.problems import Refused

NAMED = b"x-p42-account"  # the header in which a person's program names an account
ANTHROPIC = "claude"  # how the names of all its models begin


@dataclass(frozen=True, slots=True)
class Choice:
    """`model` "" = the account's own."""

    account: str
    model: str
    spec: Mapping[str, Any] = field(repr=False)


def choose(
    models: Relaying, token: Token, headers: list[tuple[bytes, bytes]], asked: str
) -> Choice:
    """Refused (403) for what the token is not for; Blocked where there is no such account."""
    account, spec = models.spec_of(_account(token, headers))
    only = token.bound.models if token.bound is not None else ()
    if only and asked and asked not in only:
        if not _is_alias(asked, only):
            raise Refused(403, f"this token is for {', '.join(only)}, not for {asked}")
        return Choice(account, only[0], spec)
    own = tuple(spec.get("models") or ())
    if spec["provider"] not in ("anthropic", "bedrock") and _is_alias(asked, own):
        return Choice(account, own[0] if own else "", spec)
    return Choice(account, asked, spec)


def _is_alias(asked: str, own: tuple[str, ...]) -> bool:
    """Anthropic's clients ask for models of Anthropic's; elsewhere that means: yours."""
    return asked.startswith(ANTHROPIC) and not any(name.startswith(ANTHROPIC) for name in own)


def _account(token: Token, headers: list[tuple[bytes, bytes]]) -> str | None:
    named = [value for name, value in headers if name == NAMED]
    if len(named) > 1:
        raise InvalidInput(f"{NAMED.decode()} is there twice")
    wanted = named[0].decode("latin-1") if named else None
    if token.bound is None:
        return wanted
    if wanted not in (None, token.bound.account):
        raise Refused(403, f"this token is not for account {wanted}")
    return token.bound.account
