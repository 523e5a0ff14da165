"""MCP servers among an agent's tools: started, offered, called, ended, whatever they do."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from p42.model.talk import Used
from tests.process.room import alive, until, whole
from tests.tools.served import served
from tests.tools.shop import needs_sandbox, rules

OFFERED = ["echo", "fail", "env", "write", "slow", "die", "grow", "picture", "count", "wait"]


async def test_its_tools_are_offered_under_its_name_and_answer(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        assert there.tools.offered("muse", there.agent) == ()
        assert await there.tools.ready("muse", there.agent) == []
        tools = there.tools.offered("muse", there.agent)
        assert [tool.name for tool in tools] == [f"integration_files_{each}" for each in OFFERED]
        assert tools[0].description == "Says it again."
        assert tools[0].schema["required"] == ["text"]
        assert await there.run("echo", {"text": "ü 🐬"}) == Used(
            (await there.run("echo", {"text": "ü 🐬"})).call, "ü 🐬", refused=False
        )
        assert there.said("ServerUp") == ["10 tools"]
        assert set(there.said("ToolUsed")) == {"integration/files/echo"}
        assert len(there.processes.pids) == 1


async def test_rules_hold_for_its_tools_and_unnamed_ones_are_asked_for(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        there.agent = {"tools": ["files"], **rules(deny=["integration/files/*"],
                       allow=["integration/files/echo"])}  # fmt: skip
        assert (await there.run("echo", {"text": "x"})).result == "x"
        assert (await there.run("env")).refused
        assert len(there.tools.offered("muse", there.agent)) == 1
        there.agent = {"tools": ["files"]}
        assert "needs a person to agree" in (await there.run("echo", {"text": "x"})).result


async def test_arguments_that_do_not_fit_never_reach_it(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        assert (await there.run("echo", {"text": 7})).refused
        assert (await there.run("count")).result == '{"calls": 1}'


async def test_an_agent_that_does_not_name_it_gets_none_of_it(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        await there.tools.ready("muse", there.agent)
        there.agent = rules(allow=["*"])
        assert there.tools.offered("muse", there.agent) == ()
        assert (await there.run("echo", {"text": "x"})).refused


async def test_a_tool_that_fails_says_what_the_server_said(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        assert (await there.run("fail")).result == "failed: it is broken"
        assert there.said("ToolFailed") == ["integration/files/fail"]


async def test_what_is_no_text_is_named_and_not_shown(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        said = (await there.run("picture")).result
        assert said == "[image, image/png, 3 bytes: not shown]\nR\n[resource b]"


async def test_it_has_its_own_variables_and_no_key_of_p42s(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        there.declare(env={"TOKEN": "env:SERVER_KEY", "MODE": "fast"})
        found = json.loads((await there.run("env")).result)
        assert (found["TOKEN"], found["MODE"]) == ("***", "fast")
        assert found["P42_INTEGRATION"] == "files"
        assert "ANTHROPIC_API_KEY" not in found
        assert found["HOME"] == str(tmp_path / "integrations" / "files")


async def test_a_key_that_is_not_there_is_told_to_the_model_and_nothing_starts(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as there:
        there.declare(env={"TOKEN": "env:NOT_THERE"})
        (told,) = await there.tools.ready("muse", there.agent)
        assert told.startswith("integration/files: ")
        assert "NOT_THERE" in told
        assert there.processes.pids == frozenset()
        assert there.said("ServerDown") == [told]


@needs_sandbox
async def test_it_works_in_directories_it_was_given_and_nowhere_else(tmp_path: Path) -> None:
    given, other, home = tmp_path / "given", tmp_path / "other", tmp_path / "home"
    followed = given / "manifests"
    for each in (followed, other):
        each.mkdir(parents=True)
    async with served(home, sources=(str(followed),)) as there:
        there.declare(str(given))
        own = str(home / "integrations" / "files")
        assert (await there.run("write", {"text": f"{given}/a"})).result == own
        assert (given / "a").read_text() == "written"
        for refused in (other / "a", followed / "a", home / "config.toml"):
            await there.run("write", {"text": str(refused)})
            assert not refused.exists()  # what it wrote, if it could, is in a sandbox that goes
        there.declare(cwd=str(other))
        assert (await there.run("write", {"text": "a"})).result == str(other)


@pytest.mark.parametrize(("named", "why"), [("/", "is everything"), ("", "p42's own")])
async def test_a_directory_that_would_give_all_of_it_away_is_refused(
    tmp_path: Path, named: str, why: str
) -> None:
    async with served(tmp_path) as there:
        there.declare(named or str(tmp_path))
        (told,) = await there.tools.ready("muse", there.agent)
        assert why in told


async def test_a_server_that_died_is_started_afresh_by_the_next_call(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        used = await there.run("die")
        assert used.result.startswith("failed: integration/files: the server ended with code 3")
        assert "in the middle of this call" in used.result
        assert (await there.run("count")).result == '{"calls": 1}'
        (process,) = there.processes._running.values()
        process._kill()
        await until(lambda: there.servers._kept["files"].session is None)
        assert (await there.run("count")).result == '{"calls": 1}'


async def test_one_that_dies_again_and_again_is_not_started_all_the_time(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        there.declare("broken")
        first = await there.tools.ready("muse", there.agent)
        assert "no module named x" in first[0]
        assert [await there.tools.ready("muse", there.agent) for _ in range(3)] == [first] * 3
        assert len(there.said("ServerDown")) == 1


@pytest.mark.parametrize(
    ("mischief", "why"),
    [
        ("old", "it speaks MCP '1999-01-01'"),
        ("broken", "ended with code 1: no module named x"),
        ("flood", "a line of more than"),
    ],
)
async def test_one_that_cannot_be_used_says_why_and_leaves_nothing(
    tmp_path: Path, mischief: str, why: str
) -> None:
    async with served(tmp_path) as there:
        there.declare(mischief)
        (told,) = await there.tools.ready("muse", there.agent)
        assert why in told
        assert there.tools.offered("muse", there.agent) == ()
        await until(lambda: not there.processes.pids)


async def test_a_silent_one_holds_a_message_up_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p42.ai.tools.servers.REACH", 0.2)
    async with served(tmp_path) as there:
        there.declare("silent")
        (told,) = await there.tools.ready("muse", there.agent)
        assert told == "integration/files: its server has not come up yet"


@pytest.mark.parametrize("mischief", ["noisy", "strange", "endless"])
async def test_a_strange_one_is_used_as_far_as_it_can_be(tmp_path: Path, mischief: str) -> None:
    async with served(tmp_path) as there:
        there.declare(mischief)
        assert (await there.run("echo", {"text": "x"})).result == "x"
        names = [tool.name for tool in there.tools.offered("muse", there.agent)]
        assert len(set(names)) == len(names)
        if mischief == "strange":
            (left,) = there.said("ToolsLeftOut")
            assert "'a b', 'remote', 'wrong', 'list', 'echo'" in left


async def test_one_without_tools_is_no_trouble(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        there.declare("toolless")
        assert await there.tools.ready("muse", there.agent) == []
        assert there.tools.offered("muse", there.agent) == ()


async def test_tools_that_come_later_are_offered_with_the_next_message(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        assert (await there.run("grow")).result == "grown"
        assert (await there.run("new", {"text": "x"})).result == "x"


async def test_a_call_that_takes_too_long_is_given_up_and_the_server_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p42.ai.tools.servers.CALL", 0.3)
    async with served(tmp_path) as there:
        used = await there.run("slow")
        assert used.result == "failed: integration/files: slow was not done within 0.3 s"
        assert len(there.processes.pids) == 1


async def test_a_changed_declaration_starts_another_and_ends_the_one_before(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as there:
        await there.run("echo", {"text": "x"})
        before = whole(there)  # type: ignore[arg-type]
        there.declare(env={"MODE": "new"})
        assert json.loads((await there.run("env")).result)["MODE"] == "new"
        await until(lambda: not alive(*before))


async def test_one_that_nobody_calls_is_ended_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path) as there:
        await there.run("echo", {"text": "x"})
        assert not there.servers._is_over(there.servers._kept["files"])
        monkeypatch.setattr("p42.ai.tools.servers.IDLE", 0.0)
        assert there.servers._is_over(there.servers._kept["files"])
        there.servers._kept["files"].ending.set()
        await until(lambda: not there.processes.pids)
        assert (await there.run("count")).result == '{"calls": 1}'


async def test_an_integration_of_another_type_brings_no_tool_and_no_trouble(
    tmp_path: Path,
) -> None:
    from p42.model.ports import Registration
    from p42.model.refs import Ref

    async with served(tmp_path) as there:
        facts = {"type": "tasks", "actions": []}
        there.registry.rows[Ref("Integration", "files")] = Registration("0" * 16, facts)
        assert await there.tools.ready("muse", there.agent) == []
        del there.registry.rows[Ref("Integration", "files")]
        (told,) = await there.tools.ready("muse", there.agent)
        assert "is not registered" in told


async def test_many_calls_at_once_are_all_answered(tmp_path: Path) -> None:
    async with served(tmp_path) as there:
        await there.tools.ready("muse", there.agent)
        async with asyncio.TaskGroup() as group:
            said = [
                group.create_task(there.servers.call("files", "echo", {"text": str(number)}))
                for number in range(100)
            ]
        assert [each.result() for each in said] == [str(number) for number in range(100)]
        assert len(there.processes.pids) == 1
