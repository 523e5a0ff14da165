"""Registered kinds in a real database with real keys: what is published, and that no key is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p42.kinds import discover
from p42.kinds.registration import references_in
from p42.model.errors import Blocked
from p42.model.kind import Want
from p42.model.refs import Ref
from tests.laws.reality import reality
from tests.laws.situations import KINDS, typed

SECRET = "s3cr3t-value"


def want(kind: str, **spec: Any) -> Want[Any]:
    return Want(Ref(kind, "hello"), typed(KINDS[kind], spec))


async def test_a_key_is_found_and_never_shown(tmp_path: Path) -> None:
    wish = want("Account", provider="anthropic", key="env:MY_KEY", models=["a"])
    env = {"MY_KEY": SECRET}
    async with reality(KINDS["Account"], tmp_path / "home", env=env) as there:
        seen, plan = await there.make(wish.ref, wish)
        assert plan.status.ready == "True"
        facts = there.kind.publish(wish, seen)
        assert facts["models"] == ["a"]
        assert SECRET not in json.dumps(facts) + repr(seen) + repr(plan)
    for file in (tmp_path / "home").iterdir():
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()


async def test_an_unset_variable_is_key_missing_and_set_is_ready(tmp_path: Path) -> None:
    wish = want("Account", provider="openai", key=f"file:{tmp_path}/key")
    async with reality(KINDS["Account"], tmp_path / "home") as there:
        _, plan = await there.make(wish.ref, wish)
        assert plan.status.reason == "KeyMissing"
        (tmp_path / "key").write_text(SECRET)
        (tmp_path / "key").chmod(0o600)
        _, plan = await there.look(wish.ref, wish)
        assert plan.status.ready == "True"


async def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "key").chmod(0o644)
    wish = want("Account", provider="openai", key=f"file:{tmp_path}/key")
    async with reality(KINDS["Account"], tmp_path / "home") as there:
        with pytest.raises(Blocked, match="chmod 600") as refused:
            await there.look(wish.ref, wish)
    assert SECRET not in str(refused.value)


async def test_a_reference_anywhere_in_a_config_has_to_lead_somewhere(tmp_path: Path) -> None:
    config = {"deep": [{"token": "env:P42_NO_SUCH_VARIABLE"}]}
    wish = want("Integration", type="plugin", config=config)
    async with reality(KINDS["Integration"], tmp_path / "home") as there:
        _, plan = await there.make(wish.ref, wish)
        assert plan.status.reason == "Blocked"
        assert "env:P42_NO_SUCH_VARIABLE" in plan.status.template


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("env:A", ["env:A"]),
        ({"a": ["keychain:s/a", {"b": "file:~/x"}]}, ["keychain:s/a", "file:~/x"]),
        ("file:///srv/data.csv", []),
        ("see env:A", []),
        ("env:", []),
        (["plain", 1, None, True], []),
    ],
)
def test_a_reference_is_a_text_that_is_nothing_else(value: Any, found: list[str]) -> None:
    assert list(references_in(value)) == found


async def test_deregistered_is_gone_from_the_table(tmp_path: Path) -> None:
    wish = want("Agent", persona="You are muse.", forge=False)
    async with reality(KINDS["Agent"], tmp_path / "home") as there:
        seen, _ = await there.make(wish.ref, wish)
        assert there.kind.publish(wish, seen)["forge"] is False
        await there.make(wish.ref, None)
        assert there.world.registry.get(wish.ref) is None


@pytest.mark.parametrize(
    ("kind", "spec", "runs"),
    [
        ("Account", {"provider": "local"}, False),
        ("Agent", {"persona": "You are muse."}, False),
        ("Agent", {"runtime": "process", "process": {"command": "claude"}}, True),
        ("Integration", {"type": "tasks"}, False),
        ("Integration", {"type": "mcp", "config": {"command": "server"}}, True),
        ("ProjectCI", {"agentRef": "muse"}, False),
    ],
)
def test_what_would_start_a_program_executes_something(
    kind: str, spec: dict[str, Any], runs: bool
) -> None:
    assert bool(KINDS[kind].executes(want(kind, **spec))) == runs


def test_all_five_kinds_are_found() -> None:
    assert list(discover()) == ["Account", "Agent", "Command", "Integration", "ProjectCI"]
    assert [kind.short for kind in discover().values()] == ["acct", "ag", "cmd", "int", "ci"]


async def test_an_agent_whose_project_says_nothing_waits_for_its_instructions(
    tmp_path: Path,
) -> None:
    (tmp_path / "garden").mkdir()
    wish = want("Agent", projectPath=f"{tmp_path}/garden")
    async with reality(KINDS["Agent"], tmp_path / "home") as there:
        _, plan = await there.make(wish.ref, wish)
        assert (plan.status.ready, plan.status.reason) == ("False", "Blocked")
        assert plan.status.message == (
            f"projectPath: {tmp_path}/garden has no AGENTS.md or CLAUDE.md; write one, or take the "
            "field out"
        )
        (tmp_path / "garden" / "CLAUDE.md").write_text("Use tabs.")
        _, plan = await there.look(wish.ref, wish)
        assert plan.status.ready == "True"
