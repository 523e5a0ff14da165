"""Permissions: what an agent may call: without asking, after a person agreed, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from p42.model.refs import NAME_PATTERN

Verdict = Literal["allow", "ask", "deny"]

# Verbs of p42's own that an agent may call: none of them changes anything.
VERBS = ("get", "describe", "events", "logs", "tree", "diff", "overview", "session.search")
_VERB = "|".join(verb.replace(".", r"\.") for verb in VERBS)
_NAME = NAME_PATTERN.removeprefix("^").removesuffix("$")
# `*`, `p42.*`, `p42.get`, `command/*`, `command/git-*`, `command/hello`.
PATTERN = rf"^(\*|p42\.(\*|{_VERB})|command/([a-z][a-z0-9-]{{0,62}})?\*|command/{_NAME})$"
ORDER: tuple[Verdict, ...] = ("deny", "ask", "allow")  # the first that names a tool wins


def has_tools(agent: Mapping[str, Any]) -> bool:
    """Whether an agent of these facts gets tools at all: its manifest speaks of them."""
    return bool(agent.get("tools")) or agent.get("permissions") is not None


def verdict(tool: str, agent: Mapping[str, Any]) -> Verdict:
    """What holds for `tool` (`p42.get`, `command/hello`).

    What no rule names: p42's own verbs are allowed, commands are asked for, anything else is
    denied.
    """
    if not has_tools(agent):
        return "deny"
    rules: Mapping[str, Sequence[str]] = agent.get("permissions") or {}
    for word in ORDER:
        if any(_fits(pattern, tool) for pattern in rules.get(word) or ()):
            return word
    if tool.removeprefix("p42.") in VERBS:
        return "allow"
    return "ask" if tool.startswith("command/") else "deny"


def _fits(pattern: str, tool: str) -> bool:
    """A `*` stands at the end alone."""
    return tool.startswith(pattern[:-1]) if pattern.endswith("*") else tool == pattern
