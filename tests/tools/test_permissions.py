"""What an agent may call: nothing unless its manifest says so; deny, then ask, then allow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.ai.toolname import LONGEST, wire_name
from p42.api.verbs import VERBS as TABLE
from p42.api.workbench import FIELDS
from p42.model.permissions import PATTERN, VERBS, verdict
from p42.model.refs import NAME_PATTERN
from p42.model.verb import Effect
from tests.doors.vendor import agent
from tests.tools.shop import OPEN, Shop, rules

TOOLS = st.sampled_from(["p42.get", "p42.logs", "command/hello", "command/git-log", "x/y"])
PATTERNS = st.lists(st.sampled_from(
    ["*", "p42.*", "p42.get", "command/*", "command/git-*", "command/hello"]
), max_size=3)  # fmt: skip


@pytest.mark.parametrize("facts", [{}, {"tools": []}, {"tools": [], "permissions": None}])
def test_an_agent_that_says_nothing_of_tools_has_none(facts: dict[str, object]) -> None:
    assert {verdict(tool, facts) for tool in ("p42.get", "command/hello")} == {"deny"}


@pytest.mark.parametrize("facts", [OPEN, {"tools": ["files"]}])
def test_unnamed_looks_are_allowed_and_commands_asked_for(facts: dict[str, object]) -> None:
    assert {verdict(f"p42.{verb}", facts) for verb in VERBS} == {"allow"}
    assert verdict("command/hello", facts) == "ask"
    assert verdict("p42.delete", facts) == verdict("mcp/anything", facts) == "deny"


@given(TOOLS, PATTERNS, PATTERNS, PATTERNS)
def test_deny_wins_over_ask_and_ask_over_allow(
    tool: str, allow: list[str], ask: list[str], deny: list[str]
) -> None:
    def names(patterns: list[str]) -> bool:
        return any(re.fullmatch(each.replace(".", r"\.").replace("*", ".*"), tool)
                   for each in patterns)  # fmt: skip

    found = verdict(tool, rules(allow=allow, ask=ask, deny=deny))
    if names(deny):
        assert found == "deny"
    elif names(ask):
        assert found == "ask"
    elif names(allow):
        assert found == "allow"


@pytest.mark.parametrize(
    "good", ["*", "p42.*", *(f"p42.{v}" for v in VERBS), "command/*", "command/a-*", "command/a1"]
)
def test_a_rule_names_a_tool_or_ends_in_a_star(good: str) -> None:
    assert re.search(PATTERN, good)


@pytest.mark.parametrize(
    "bad", ["", "p42", "p42.gett", "p42.delete", "p42.g*", "commands/x", "command/", "command/A",
            "command/*x", "**", "command/../x"]
)  # fmt: skip
def test_a_rule_that_could_never_hold_is_no_rule(bad: str) -> None:
    assert not re.search(PATTERN, bad)


def test_every_verb_an_agent_may_call_only_reads() -> None:
    assert set(FIELDS) == set(VERBS)
    assert {TABLE[verb].effect for verb in VERBS} == {Effect.READ}


def test_what_is_denied_is_not_offered(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.command("hello", "echo hi")
    assert shop.offered({}) == []
    assert shop.offered(OPEN) == ["p42_get", "p42_logs", "command_hello"]
    assert shop.offered(rules(deny=["p42.logs", "command/*"])) == ["p42_get"]
    assert shop.offered(rules(deny=["*"])) == []


@given(st.lists(st.from_regex(re.compile(NAME_PATTERN.replace("$", r"\Z"))), unique=True))
def test_names_on_the_wire_are_what_vendors_take_and_differ(names: list[str]) -> None:
    wire = [wire_name(f"command/{name}") for name in names]
    assert len(set(wire)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", each) and len(each) <= LONGEST for each in wire)


def test_a_rule_that_names_nothing_is_refused_with_what_there_is(tmp_path: Path) -> None:
    path = agent(tmp_path, "muse", permissions="{allow: [p42.gett]}")
    run = subprocess.run(
        [sys.executable, "-m", "p42", "validate", path],
        capture_output=True, text=True, check=False, env={**os.environ, "P42_HOME": str(tmp_path)},
    )  # fmt: skip
    assert run.returncode == 3
    assert '"p42.gett" is not written like p42.get, p42.describe' in run.stdout + run.stderr
