"""Directory: which account is meant, and which of its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from p42.ai.accounts.ports import Registered, Spec
from p42.ai.accounts.variables import NAME, spec_of
from p42.model.errors import Blocked
from p42.model.models import Answerer
from p42.model.refs import Ref

KIND = "Account"
LOCAL_MODEL = "gemma-3-270m"  # the one that p42[local] brings; what its server calls itself
NONE = "no account is declared; `p42 account add` declares one, `provider: local` needs no key"


@dataclass(frozen=True, slots=True)
class Account:
    """A registered account."""

    ref: Ref
    spec: Spec

    @property
    def is_local(self) -> bool:
        """Whether the model runs in a child of ours."""
        return bool(self.spec["provider"] == "local")

    def model(self, asked: str, otherwise: str = "") -> str:
        """The model to ask: the one asked for, else the account's first, else `otherwise`.

        Blocked without any, and for one that the model on this machine is not.
        """
        models = list(self.spec.get("models") or ())
        named = asked or (str(models[0]) if models else "")
        if self.is_local and named not in ("", LOCAL_MODEL):
            raise Blocked(f"{self.ref} has no model {named!r}; the one here is {LOCAL_MODEL}")
        if self.is_local:
            return LOCAL_MODEL
        if named:
            return named
        if otherwise:
            return otherwise
        raise Blocked(
            f"{self.ref} names no model: give one (--model, or `model` of the agent or project), "
            "or list those in use in spec.models; `p42 model list` knows them"
        )

    def named(self, error: Blocked) -> Blocked:
        """`error` with the account's name where whoever raised it could only say NAME."""
        text = str(error).replace(" NAME`", f" {self.ref.name}`")
        if text == str(error):
            return error
        return Blocked(text, reason=error.reason, template=error.template)


class Directory:
    """Reads the registry: what is registered is what was last good."""

    def __init__(
        self, registry: Registered, *, default: str = "", env: Mapping[str, str] | None = None
    ) -> None:
        """`default`: the configuration's, where no manifest says `default: true`.

        `env`: the environment, whose API keys count where no account is declared.
        """
        self._registry, self._default, self._env = registry, default, env or {}

    def find(self, name: str | None) -> Account:
        """The account `name`, None = the default one. Blocked says what there is."""
        return self._default_one() if name is None else self.at(Ref(KIND, name))

    def at(self, ref: Ref) -> Account:
        """Blocked when nothing is registered there."""
        row = self._registry.get(ref)
        if row is None:
            raise Blocked(f"there is no account {ref.name!r}{self._others()}")
        return Account(ref, row.facts)

    def answerer(self, name: str | None, model: str, otherwise: str = "") -> Answerer | None:
        """Whom a call goes to that names the account `name` and asks for `model`; None = nobody.

        `otherwise` as for Account.model.
        """
        try:
            account = self.find(name)
        except Blocked:
            return None
        try:
            asked = account.model(model, otherwise)
        except Blocked:
            asked = ""
        return Answerer(account.ref.name, str(account.spec["provider"]), asked)

    def every(self) -> tuple[Account, ...]:
        """Every account, by name."""
        return tuple(self.at(ref) for ref in self._registry.refs() if ref.kind == KIND)

    def _default_one(self) -> Account:
        accounts = self.every()
        for account in accounts:
            if account.spec.get("default"):
                return account
        if self._default:
            return self.at(Ref(KIND, self._default))
        if len(accounts) == 1:
            return accounts[0]
        if not accounts:
            spec = spec_of(self._env)
            if spec is None:
                raise Blocked(NONE)
            return Account(Ref(KIND, NAME), spec)
        raise Blocked(f"no account says `default: true`: name one{self._others()}")

    def _others(self) -> str:
        names = ", ".join(account.ref.name for account in self.every())
        return f"; there is: {names}" if names else f"; {NONE}"
