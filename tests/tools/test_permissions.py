"""What an agent may call: nothing unless its manifest says so; the most specific rule decides."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.ai.tools.naming import LONGEST, wire_name
from p42.api.verbs import VERBS as TABLE
from p42.api.workbench import FIELDS
from p42.model.permissions import ORDER, PATTERN, VERBS, WHOLE, Verdict, specificity, verdict
from p42.model.refs import NAME_PATTERN
from p42.model.verb import Effect
from tests.doors.vendor import agent
from tests.tools.shop import OPEN, Shop, rules

TOOLS = st.sampled_from(
    ["p42.get", "p42.logs", "command/hello", "command/git-log", "integration/files/read_file",
     "integration/mail/send", "x/y"]
)  # fmt: skip
EACH = ("*", "p42.*", "p42.get", "command/*", "command/git-*", "command/git-l*", "command/hello",
        "integration/*", "integration/files/*", "integration/files/read_*",
        "integration/files/read_file")  # fmt: skip
PATTERNS = st.lists(st.sampled_from(EACH), max_size=4)


def names(pattern: str, tool: str) -> bool:
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), tool))


@pytest.mark.parametrize("facts", [{}, {"tools": []}, {"tools": [], "permissions": None}])
def test_an_agent_that_says_nothing_of_tools_has_none(facts: dict[str, object]) -> None:
    assert {verdict(tool, facts) for tool in ("p42.get", "command/hello")} == {"deny"}


@pytest.mark.parametrize("facts", [OPEN, {"tools": ["files"]}])
def test_unnamed_looks_are_allowed_and_commands_asked_for(facts: dict[str, object]) -> None:
    assert {verdict(f"p42.{verb}", facts) for verb in VERBS} == {"allow"}
    assert verdict("command/hello", facts) == verdict("integration/files/read", facts) == "ask"
    assert verdict("p42.delete", facts) == verdict("mcp/anything", facts) == "deny"


@given(TOOLS, PATTERNS, PATTERNS, PATTERNS)
def test_the_most_specific_rule_decides_and_of_two_as_specific_the_stricter(
    tool: str, allow: list[str], ask: list[str], deny: list[str]
) -> None:
    given = {"deny": deny, "ask": ask, "allow": allow}
    found = verdict(tool, rules(**given))
    naming = [(len(each), word) for word in ORDER for each in given[word] if names(each, tool)]
    if naming:  # of those that name one tool the longest is the most specific: an exact one is
        longest = max(length for length, _ in naming)
        assert found == next(word for length, word in naming if length == longest)


@given(TOOLS, PATTERNS, PATTERNS, PATTERNS, st.sampled_from(EACH), st.sampled_from(ORDER))
def test_one_more_rule_changes_nothing_where_a_more_specific_one_names_the_tool(
    tool: str, allow: list[str], ask: list[str], deny: list[str], more: str, word: Verdict
) -> None:
    given = {"deny": deny, "ask": ask, "allow": allow}
    naming = [each for every in given.values() for each in every if names(each, tool)]
    before = verdict(tool, rules(**given))
    after = verdict(tool, rules(**{**given, word: [*given[word], more]}))
    if not names(more, tool) or any(specificity(each) > specificity(more) for each in naming):
        assert after == before
    elif not any(specificity(each) == specificity(more) for each in naming):
        assert after == word
    else:  # as specific as one that is there: never laxer than before
        assert ORDER.index(after) <= ORDER.index(before)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"deny": ["command/*"], "allow": ["command/hello"]}, "allow"),
        ({"deny": ["*"], "ask": ["command/*"]}, "ask"),
        ({"allow": ["command/*"], "deny": ["command/hel*"]}, "deny"),
        ({"allow": ["command/hello"], "ask": ["command/hello"]}, "ask"),
        ({"allow": ["command/hello"], "deny": ["command/hello"]}, "deny"),
    ],
)
def test_a_narrower_rule_is_an_exception_to_a_wider(
    given: dict[str, list[str]], found: str
) -> None:
    assert verdict("command/hello", rules(**given)) == found


@pytest.mark.parametrize("verb", WHOLE)
def test_what_everybody_said_is_seen_only_by_who_is_named_for_it(verb: str) -> None:
    tool = f"p42.{verb}"
    for stars in (rules(), rules(allow=["*"]), rules(allow=["p42.*"]), rules(ask=["p42.*"])):
        assert verdict(tool, stars) == "deny"
    assert verdict(tool, rules(allow=[tool])) == "allow"
    assert verdict(tool, rules(deny=["p42.*"], ask=[tool])) == "ask"


@pytest.mark.parametrize(
    "good",
    ["*", "p42.*", *(f"p42.{v}" for v in (*VERBS, *WHOLE)), "command/*", "command/a-*",
     "command/a1", "integration/*", "integration/files/*", "integration/files/read_*",
     "integration/files/read_file", "integration/files/a.b/c-D_1"],
)  # fmt: skip
def test_a_rule_names_a_tool_or_ends_in_a_star(good: str) -> None:
    assert re.search(PATTERN, good)


@pytest.mark.parametrize(
    "bad", ["", "p42", "p42.gett", "p42.delete", "p42.g*", "commands/x", "command/", "command/A",
            "command/*x", "**", "command/../x", "integration/", "integration/files",
            "integration/files/", "integration/F/x", "integration/files/a b",
            "integration/files/*x", "p42.session.*"]
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


async def test_the_journal_says_why_a_call_was_refused(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for number in range(100):
        shop.command(f"c{number:02}", "true")
    denied = rules(deny=["p42.*", "command/c0*"], allow=["p42.get"])
    for called in ("p42_logs", "command_c07", "no_such_tool"):
        told = (await shop.run(called, agent=denied)).result
        assert told.startswith("refused: there is no tool"), "what is denied is not even named"
    await shop.run("command_c99")
    asks = rules(ask=["p42.get"])
    wrong = await shop.run("p42_get", {"kind": 1}, agent=asks, agreed=False)
    assert "kind: " in wrong.result
    await shop.run("p42_get", agent=asks, agreed=False)
    assert [said for _, _, said, _ in shop.notes.said] == [
        "p42.logs: denied by p42.*", "command/c07: denied by command/c0*",
        "a tool that is not there", "command/c99: left out, one of those over 100",
        "p42.get: bad arguments", "p42.get",
    ]  # fmt: skip
