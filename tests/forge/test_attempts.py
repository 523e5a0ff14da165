"""What a model answers is read, tested once it may run, and sent back a few times."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p42.kinds.command import kind
from p42.model.errors import Blocked
from p42.model.grants import Grants
from p42.model.ports import Run, World
from tests.forge.test_prompt import SING, Anvil, answer, anvil

LA = {"tests": [{"expect": {"stdout": "la"}}]}
AUTO = {**LA, "approve": "auto"}


def talk(there: Anvil, number: int = -1) -> list[dict[str, Any]]:
    """The messages of one question, but for the system's."""
    return list(there.server.completions[number].body["messages"])[1:]


class NoSandbox:
    """A machine without one."""

    def __init__(self, world: World) -> None:
        self._real = world.processes

    async def run(self, argv: Any, *, grants: Grants | None = None, **how: Any) -> Run:
        if grants is not None:
            raise Blocked("no sandbox is here; install bubblewrap")
        return await self._real.run(argv, **how)


class Watched:
    """What is run, told."""

    def __init__(self, world: World) -> None:
        self._real, self.ran = world.processes, list[list[str]]()

    async def run(self, argv: Any, **how: Any) -> Run:
        self.ran.append(list(argv))
        return await self._real.run(argv, **how)


async def test_a_script_that_fails_its_tests_goes_back_to_the_model_with_the_failure(
    tmp_path: Path,
) -> None:
    async with anvil(tmp_path, answer("echo lu"), answer("echo la")) as there:
        plan = await there.passes(**AUTO)
        assert plan.status.ready == "True"
        assert there.lock.current.source == "echo la\n"
        assert there.lock.earlier == ()  # what failed is nothing to go back to
        asked, said, told = talk(there)
        assert "say la" in asked["content"]
        assert json.loads(said["content"])["implementation"] == "echo lu\n"
        assert "printed 'lu\\n' instead of 'la'" in told["content"]


async def test_three_scripts_that_fail_are_enough_and_the_last_failure_is_told(
    tmp_path: Path,
) -> None:
    wrong = [answer(f"echo {n}") for n in range(3)]
    async with anvil(tmp_path, *wrong, answer()) as there:
        plan = await there.passes(**AUTO)
        assert (plan.status.ready, plan.status.reason) == ("False", "TestsFailed")
        assert plan.status.message.startswith(
            "of 3 scripts none is good enough; the last: test 1 (no arguments): printed '2\\n'"
        )
        assert "p42 forge command/sing" in plan.status.template
        assert (await there.passes(**AUTO)).status == plan.status
        assert len(there.server.completions) == 3
        assert len(talk(there)) == 5
        assert there.world.pins.look(SING) is None
        await there.passes(prompt="say la, please", **AUTO)  # another prompt is another beginning
        assert there.lock.current.source == "echo la\n"


async def test_a_script_that_cannot_be_read_goes_back_with_the_line(tmp_path: Path) -> None:
    script = "echo la\nif true; then\n  echo lu\n"
    async with anvil(tmp_path, answer(script), answer("echo la")) as there:
        await there.passes()
        assert there.lock.current.source == "echo la\n"
        assert (
            "it is no bash: line 4: syntax error: unexpected end of file"
            in (talk(there)[-1]["content"])
        )


@pytest.mark.parametrize(
    ("language", "script", "told"),
    [
        ("node", "let a = 1\nlet = = 2\n", "it is no node: line 2: SyntaxError"),
        ("bash", "#!/bin/sh\nfor x in; do\nfi\n", "it is no sh: line 3"),
        ("bash", "#!/no/such/bash\necho la\n", "run by /no/such/bash, which is not installed"),
    ],
)
async def test_each_language_is_read_by_its_own_program(
    tmp_path: Path, language: str, script: str, told: str
) -> None:
    async with anvil(tmp_path, answer(script, language), answer("echo la")) as there:
        await there.passes()
        assert told in talk(there)[-1]["content"]


async def test_what_is_only_read_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = f"echo x > {mark}\n$(echo x > {mark})\nif"
    async with anvil(tmp_path, answer(script), answer("echo la")) as there:
        await there.passes()
        assert not mark.exists()
        assert len(there.server.completions) == 2


async def test_one_that_was_agreed_to_beforehand_can_reach_nothing(tmp_path: Path) -> None:
    prize = tmp_path / "home" / "prize"
    scripts = (f"cat {prize}", f"echo x > {prize}; cat {prize}", "echo la")
    async with anvil(tmp_path, *map(answer, scripts)) as there:
        prize.write_text("la\n")
        await there.passes(**AUTO)
        assert there.lock.current.source == "echo la\n"
        assert prize.read_text() == "la\n"


async def test_before_a_person_agreed_it_is_read_and_nothing_runs(tmp_path: Path) -> None:
    async with anvil(tmp_path, answer("echo la")) as there:
        watched = Watched(there.world)
        there.world = replace(there.world, processes=watched)
        assert (await there.passes(**LA)).status.reason == "NeedsApproval"
        assert ["-n" in argv for argv in watched.ran] == [True]
        assert (await there.agree(**LA)).status.ready == "True"
        assert len(watched.ran) == 2  # its test


async def test_one_that_is_given_a_reach_is_tested_only_when_it_was_approved(
    tmp_path: Path,
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    given = {**LA, "sandbox": {"read": [str(room)]}}
    (room / "text").write_text("la\n")
    script = answer(f"cat {room / 'texts'}"), answer(f"cat {room / 'text'}")
    async with anvil(tmp_path, *script) as there:
        assert (await there.passes(**given)).status.reason == "NeedsApproval"
        assert len(there.server.completions) == 1
        # It fails then: the model is told, and its next answer waits for a word of its own.
        plan = await there.agree(**given)
        assert plan.status.reason == "NeedsApproval", plan.status
        failed = "tests failed: test 1 (no arguments): exit code 1 instead of 0: "
        assert failed in plan.status.message
        assert plan.status.message.endswith("; asked again (2 of 3)")
        assert "asked again" not in plan.status.template  # a file says what is settled
        assert [failed in told for told in there.notes] == [True]
        assert "No such file" in talk(there)[-1]["content"]
        assert not there.command.exists()
        assert (await there.agree(**given)).status.ready == "True"
        assert there.lock.earlier == ()  # what failed is nothing to go back to


async def test_without_a_sandbox_nothing_of_a_models_runs_and_it_is_shown_as_it_is(
    tmp_path: Path,
) -> None:
    async with anvil(tmp_path, answer("echo la")) as there:
        real = there.world
        there.world = replace(real, processes=NoSandbox(real))
        assert (await there.passes(**LA)).status.reason == "NeedsApproval"
        plan = await there.agree(**LA)
        assert (plan.status.reason, plan.again) == ("Blocked", 60.0)
        assert "install bubblewrap" in plan.status.message
        there.world, there.clock.ahead = real, 61.0
        assert (await there.passes(**LA)).status.ready == "True"


async def test_a_language_that_is_not_here_costs_nothing(tmp_path: Path) -> None:
    async with anvil(tmp_path) as there:
        here = there.world
        files = type(here.files)(here.home, path=str(tmp_path))
        there.world = replace(here, files=files)
        plan = await there.passes(language="node")
        assert plan.status.reason == "Blocked"
        assert "node, which is not installed" in plan.status.template
        assert there.server.completions == []


@pytest.mark.parametrize("kills", range(2, 7))
async def test_a_daemon_killed_anywhere_in_it_pays_for_no_answer_twice(
    tmp_path: Path, kills: int
) -> None:
    """Each daemon does `kills` things and is gone; answers are counted over all of them."""
    script = [answer("echo lu"), answer("echo lo"), answer("echo la")]
    asked, reason = 0, ""
    for _ in range(40):
        async with anvil(tmp_path, *script[asked:]) as there:
            reason = await some(there, kills)
            asked += len(there.server.completions)
        if reason == "Reconciled":
            break
    assert (reason, asked) == ("Reconciled", 3)


async def some(there: Anvil, most: int) -> str:
    """At most so many steps and waits of it; the reason it ends in."""
    driver = kind.driver(there.world)
    for _ in range(most):
        want = there.want(**AUTO)
        plan = kind.plan(want, await driver.observe(SING, want), there.clock.now())
        if plan.in_flight:
            async with asyncio.timeout(20):
                await there.ended.wait()
            there.ended.clear()
        elif not plan.steps:
            return plan.status.reason
        for step in plan.steps:
            await driver.act(SING, want, step)
            if type(step).__name__ == "StartForge":
                async with asyncio.timeout(20):
                    await there.ended.wait()  # an answer that came is one that was committed
                there.ended.clear()
    return ""
