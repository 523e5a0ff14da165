"""Whom a call goes to is told without making it, by what chooses when one is made."""

from __future__ import annotations

from typing import Any

import pytest

from p42.ai.accounts.directory import LOCAL_MODEL, Directory
from p42.model.models import Answerer
from p42.model.ports import Registration
from p42.model.refs import Ref


class Rows(dict[Ref, Registration]):
    """A registry that was read."""

    def refs(self) -> tuple[Ref, ...]:
        return tuple(sorted(self))


def directory(*, default: str = "", **accounts: dict[str, Any]) -> Directory:
    rows = {Ref("Account", name): Registration("a", spec) for name, spec in accounts.items()}
    return Directory(Rows(rows), default=default, env={"GROQ_API_KEY": "x"})


ONE = {"provider": "openai", "models": ["a", "b"]}
TWO = {"provider": "anthropic", "models": []}
HERE = {"provider": "local", "models": []}


@pytest.mark.parametrize(
    ("known", "asked", "found"),
    [
        (directory(one=ONE), (None, ""), ("one", "openai", "a")),  # the only one there is
        (directory(one=ONE), (None, "z"), ("one", "openai", "z")),
        (directory(one=ONE, two=TWO), ("two", "z"), ("two", "anthropic", "z")),
        (directory(one=ONE, two=TWO), ("two", ""), ("two", "anthropic", "of the configuration")),
        (directory(one=ONE, two=TWO, default="one"), (None, ""), ("one", "openai", "a")),
        (directory(one=ONE, two={**TWO, "default": True}), (None, "z"), ("two", "anthropic", "z")),
        (directory(here=HERE), (None, ""), ("here", "local", LOCAL_MODEL)),
        (directory(here=HERE), (None, "z"), ("here", "local", "")),  # a call would be refused
        (directory(), (None, ""), ("environment", "groq", "llama-3.3-70b-versatile")),
        (directory(one=ONE, two=TWO), (None, ""), None),  # neither is the default
        (directory(one=ONE), ("gone", "z"), None),
    ],
)
def test_who_would_answer_is_known_beforehand(
    known: Directory, asked: tuple[str | None, str], found: tuple[str, str, str] | None
) -> None:
    told = known.answerer(*asked, otherwise="of the configuration")
    assert told == (Answerer(*found) if found else None)


def test_an_account_that_names_no_model_names_none() -> None:
    assert directory(two=TWO).answerer("two", "") == Answerer("two", "anthropic", "")
