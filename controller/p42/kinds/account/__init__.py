"""Account: registered with its provider, models and limits; its key is found, never shown."""

from __future__ import annotations

from collections.abc import Iterable

from p42.kinds.account.spec import KIND, PLURAL, SHORT, Account
from p42.kinds.registration import Shape
from p42.model.kind import Column, Want
from p42.model.refs import Ref
from p42.model.status import Facts, Status

# Those that answer without a key of ours: a server of the user's own, or AWS's own credentials.
KEYLESS = frozenset({"local", "ollama", "bedrock", "openai-compatible"})


def _facts(want: Want[Account]) -> Facts:
    """The whole spec, defaults completed: who calls a model needs all of it. No key is in it."""
    facts: Facts = want.spec.model_dump(mode="json", by_alias=True)
    return facts


def _keys(spec: Account) -> Iterable[str]:
    return [spec.key] if spec.key else []


def _refuse(spec: Account) -> Status | None:
    if spec.key is None and spec.provider not in KEYLESS:
        return Status(
            "False", "KeyMissing",
            template=f"{spec.provider} needs a key; name one in spec.key, such as "
            f"keychain:p42/{spec.provider}",
        )  # fmt: skip
    return None


def _needs(_spec: Account) -> Iterable[Ref]:
    return ()


shape: Shape[Account] = Shape(facts=_facts, keys=_keys, refuse=_refuse, asks=True)

kind = shape.kind(
    (KIND, PLURAL, SHORT),
    Account,
    needs=_needs,
    columns=(
        Column("PROVIDER", "spec.provider"),
        Column("MODELS", "spec.models"),
        Column("DEFAULT", "spec.default"),
        Column("KEY", "spec.key", wide=True),
    ),
)
