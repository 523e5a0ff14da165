"""Permissions: what an agent may call: without asking, after a person agreed, or not at all.

Of all rules that name a tool the most specific decides: a whole name before one that ends in a
star, a longer beginning before a shorter. Of two as specific, deny before ask before allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from p42.model.refs import NAME_PATTERN

Verdict = Literal["allow", "ask", "deny"]

# Verbs of p42's own that an agent may call: none of them changes anything. Of sessions it gets to
# see its own.
VERBS = (
    "get", "describe", "events", "logs", "tree", "diff", "overview", "session.search",
    "session.show",
)  # fmt: skip
# The same over what everybody said. No star reaches them: a rule has to name them.
WHOLE = ("session.search.all", "session.show.all")
_VERB = "|".join(verb.replace(".", r"\.") for verb in (*VERBS, *WHOLE))
_NAME = NAME_PATTERN.removeprefix("^").removesuffix("$")
_TOOL = "[A-Za-z0-9_./-]"  # what a server may call a tool (MCP, 2025-11-25: "Tool names")
# `*`, `p42.*`, `p42.get`, `command/*`, `command/git-*`, `command/hello`, `integration/*`,
# `integration/files/*`, `integration/files/read_*`, `integration/files/read_file`.
PATTERN = (
    rf"^(\*|p42\.(\*|{_VERB})|command/([a-z][a-z0-9-]{{0,62}})?\*|command/{_NAME}"
    rf"|integration/(\*|{_NAME}/({_TOOL}{{0,128}}\*|{_TOOL}{{1,128}})))$"
)
TOOL_PATTERN = rf"^{_TOOL}{{1,128}}$"
ORDER: tuple[Verdict, ...] = ("deny", "ask", "allow")  # of two as specific the first wins


def has_tools(agent: Mapping[str, Any]) -> bool:
    """Whether an agent of these facts gets tools at all: its manifest speaks of them."""
    return bool(agent.get("tools")) or agent.get("permissions") is not None


def verdict(tool: str, agent: Mapping[str, Any]) -> Verdict:
    """What holds for `tool` (`p42.get`, `command/hello`, `integration/files/read_file`).

    What no rule names: p42's own verbs are allowed, commands and tools of integrations are asked
    for, anything else is denied.
    """
    if not has_tools(agent):
        return "deny"
    if found := _found(tool, agent):
        return found[0]
    if tool.removeprefix("p42.") in VERBS:
        return "allow"
    return "ask" if tool.startswith(("command/", "integration/")) else "deny"


def decisive(tool: str, agent: Mapping[str, Any]) -> str:
    """The rule that decides over `tool`, as the manifest has it; "" = none names it."""
    found = _found(tool, agent)
    return found[1] if found else ""


def _found(tool: str, agent: Mapping[str, Any]) -> tuple[Verdict, str] | None:
    rules: Mapping[str, Sequence[str]] = agent.get("permissions") or {}
    found = [
        (specificity(pattern), -place, word, pattern)
        for place, word in enumerate(ORDER)
        for pattern in rules.get(word) or ()
        if _fits(pattern, tool, word)
    ]
    return max(found)[2:] if found else None


def specificity(pattern: str) -> tuple[bool, int]:
    """How narrow a rule is; the greater wins: a whole name, then the longest beginning."""
    return not pattern.endswith("*"), len(pattern)


def _fits(pattern: str, tool: str, word: Verdict) -> bool:
    """A `*` stands at the end alone."""
    if not pattern.endswith("*"):
        return tool == pattern
    if word != "deny" and tool.removeprefix("p42.") in WHOLE:
        return False
    return tool.startswith(pattern[:-1])
