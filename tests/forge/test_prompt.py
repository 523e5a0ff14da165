"""A prompt is forged once, by a model that may say anything, and a crash pays for nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p42.kinds.command import kind
from p42.kinds.command.spec import Command
from p42.model.approval import PERSON, digest_of
from p42.model.kind import Published, Want
from p42.model.plan import Instant, Plan
from p42.model.plan import name_of as called
from p42.model.ports import World
from p42.model.refs import Ref
from p42.runtimes.clock import SystemClock
from p42.runtimes.disk.files import DiskFiles
from p42.runtimes.disk.pins import DiskPins
from p42.runtimes.processes import LocalProcesses
from p42.scripts.lock import name_of, parse
from p42.stores.approvals import SqliteApprovals
from p42.stores.works import SqliteWorks
from tests.ai.scene import There, scene, spec
from tests.laws.situations import typed
from tests.providers.vendors import OpenAIServer, Say, Status

SING = Ref("Command", "sing")
SMITH = Ref("Agent", "smith")
FACTS = {"runtime": "model", "persona": "You forge.", "accountRef": "main", "model": None,
         "temperature": 0.2, "maxTokens": 100}  # fmt: skip


class Later(SystemClock):
    """Wall time that a test moves on."""

    ahead = 0.0

    def now(self) -> Instant:
        return Instant(super().now() + self.ahead)


@dataclass
class Notes:
    """A journal that a test can read."""

    told: list[str]

    def note(self, ref: Ref | None, reason: str, message: str, *, warning: bool = False) -> None:
        self.told.append(f"{ref} {reason}: {message}")


@dataclass
class Anvil:
    """The Command kind over a real home, tree, database, and a scripted vendor."""

    world: World
    tree: Path
    clock: Later
    ended: asyncio.Event
    server: OpenAIServer
    woken: set[Ref]  # all whose work has ended
    notes: list[str]  # what the journal was told

    def want(self, prompt: str = "say la", **given: Any) -> Want[Command]:
        """The wish as it is read now, with the lock that stands there."""
        made: Command = typed(kind, {"prompt": prompt, "agentRef": "smith", **given})
        lock = self.tree / name_of("sing")
        files = {name_of("sing"): lock.read_bytes()} if lock.exists() else {}
        return Want(SING, made, files=files, needs={SMITH: Published(FACTS)})

    async def passes(self, **given: Any) -> Plan[Any]:
        """Passes over it, each as it is read afresh, until nothing is to be done; the last plan."""
        driver, steps = kind.driver(self.world), list[str]()
        for _ in range(20):
            want = self.want(**given)
            plan = kind.plan(want, await driver.observe(SING, want), self.clock.now())
            if plan.in_flight:
                async with asyncio.timeout(20):
                    await self.ended.wait()
                self.ended.clear()
            elif not plan.steps:
                return plan
            for step in plan.steps:
                await driver.act(SING, want, step)
                steps.append(called(step))
        raise AssertionError(f"not settled: {steps}")

    async def agree(self, **given: Any) -> Plan[Any]:
        """A person agrees to what waits; then as `passes`."""
        digest = digest_of(kind.executes(self.want(**given)))
        await self.world.approvals.approve(SING, digest, by=PERSON)
        return await self.passes(**given)

    @property
    def command(self) -> Path:
        return self.world.home / "commands" / "sing"

    @property
    def lock(self) -> Any:
        return parse((self.tree / name_of("sing")).read_bytes())


@asynccontextmanager
async def anvil(root: Path, *script: Any, there: There | None = None) -> AsyncIterator[Anvil]:
    """`root` may have been used before: then it is the next daemon."""
    clock, ended, tree, home = Later(), asyncio.Event(), root / "tree", root / "home"
    tree.mkdir(exist_ok=True)
    async with AsyncExitStack() as held:
        server = await held.enter_async_context(OpenAIServer(script))
        there = await held.enter_async_context(scene(home, main=spec(server)))
        woken, notes = set[Ref](), list[str]()

        def wake(ref: Ref) -> None:
            woken.add(ref)
            ended.set()

        works = SqliteWorks(there.database, wake=wake, clock=clock)
        await held.enter_async_context(works)
        processes = LocalProcesses(os.environ, home=home)
        world = World(
            home, clock, files=DiskFiles(home, path=os.environ["PATH"]), processes=processes,
            registry=there.registry, works=works, models=there.accounts,
            approvals=SqliteApprovals(there.database, clock=clock),
            pins=DiskPins(home, lambda _: tree / "sing.yaml", processes), journal=Notes(notes),
        ).only(kind.uses)  # fmt: skip
        yield Anvil(world, tree, clock, ended, server, woken, notes)


def answer(script: str = "echo la", language: str = "bash", **more: Any) -> Say:
    made = {"language": language, "dependencies": [], "implementation": script, **more}
    return Say(json.dumps(made))


async def test_what_is_asked_is_bound_to_a_shape_and_told_whose_persona_it_is(
    tmp_path: Path,
) -> None:
    async with anvil(tmp_path, answer()) as there:
        plan = await there.passes(tests=[{"expect": {"stdout": "la"}}])
        assert plan.status.reason == "NeedsApproval"
        (asked,) = there.server.completions
        shape = asked.body["response_format"]["json_schema"]["schema"]
        assert shape["required"] == ["language", "dependencies", "implementation"]
        assert shape["additionalProperties"] is False
        said = json.dumps(asked.body["messages"])
        assert "You forge." in said
        assert "say la" in said
        assert "has to pass these tests" in said


async def test_an_answer_that_cannot_be_used_is_asked_for_again_with_the_reason(
    tmp_path: Path,
) -> None:
    script = (Say("Sure! Here is your script."), answer("echo \u202e"), answer("echo la"))
    async with anvil(tmp_path, *script) as there:
        await there.passes()
        assert there.lock.current.source == "echo la\n"
        last = json.dumps(there.server.completions[-1].body["messages"])
        assert "cannot be used" in last
        assert "right-to-left override" in last


async def test_three_answers_that_cannot_be_used_are_enough(tmp_path: Path) -> None:
    async with anvil(tmp_path, *[Say("no")] * 3) as there:
        plan = await there.passes()
        assert (plan.status.ready, plan.status.reason) == ("False", "Blocked")
        assert "of 3 answers none is a command" in plan.status.message
        assert "p42 forge command/sing" in plan.status.template
        assert plan.again is None
        await there.passes()
        assert len(there.server.completions) == 3
        assert not (there.tree / "forged").exists()
        assert not there.command.exists()


async def test_a_changed_prompt_is_another_try(tmp_path: Path) -> None:
    async with anvil(tmp_path, *[Say("no")] * 3, answer()) as there:
        await there.passes()
        await there.passes(prompt="say la, please")
        assert there.lock.current.source == "echo la\n"


async def test_an_answer_in_a_fence_counts_and_another_language_does_not(tmp_path: Path) -> None:
    fenced = f"```json\n{answer('print(1)', 'python').text}\n```"
    async with anvil(tmp_path, answer("echo 1", "bash"), Say(fenced)) as there:
        await there.passes(language="python")
        assert there.lock.current.language == "python"


async def test_a_crash_after_the_answer_pays_for_no_second_one(tmp_path: Path) -> None:
    async with anvil(tmp_path, answer("echo paid")) as there:
        driver, want = kind.driver(there.world), there.want()
        seen = await driver.observe(SING, want)
        for step in kind.plan(want, seen, there.clock.now()).steps:
            await driver.act(SING, want, step)
        await there.ended.wait()
    async with anvil(tmp_path) as there:
        await there.passes()
        assert there.lock.current.source == "echo paid\n"
        assert there.server.completions == []


async def test_a_lock_that_was_deleted_comes_back_as_it_was(tmp_path: Path) -> None:
    async with anvil(tmp_path, answer()) as there:
        await there.passes()
        before = (there.tree / name_of("sing")).read_bytes()
        (there.tree / name_of("sing")).unlink()
        await there.passes()
        assert (there.tree / name_of("sing")).read_bytes() == before
        assert len(there.server.completions) == 1


async def test_what_time_mends_is_tried_again_by_itself_and_not_before(tmp_path: Path) -> None:
    down = Status(503, headers={"retry-after": "0"})
    async with anvil(tmp_path, *[down] * 3, answer()) as there:
        plan = await there.passes()
        assert (plan.status.ready, plan.status.reason) == ("False", "ProviderDown")
        assert plan.again is not None
        asked = len(there.server.completions)
        assert (await there.passes()).status.reason == "ProviderDown"
        assert len(there.server.completions) == asked
        there.clock.ahead = 3600.0
        assert (await there.passes()).status.reason == "NeedsApproval"


async def test_nothing_runs_before_a_person_agreed_and_then_the_lock_says_so(
    tmp_path: Path,
) -> None:
    async with anvil(tmp_path, answer()) as there:
        await there.passes()
        assert there.world.approvals.machine_made(SING)
        assert not there.command.exists()
        plan = await there.agree()
        assert plan.status.ready == "True"
        assert there.command.exists()
        assert there.lock.current.approved == digest_of(kind.executes(there.want()))


async def test_until_the_new_one_passes_its_tests_the_old_one_stays(tmp_path: Path) -> None:
    tests = [{"expect": {"stdout": "la"}}]
    async with anvil(tmp_path, answer("echo la"), *[answer("echo wrong")] * 3) as there:
        await there.passes(tests=tests)
        assert (await there.agree(tests=tests)).status.ready == "True"
        before = there.command.read_bytes()
        wish = {"prompt": "say la loudly", "tests": tests}
        assert (await there.passes(**wish)).status.reason == "NeedsApproval"
        for _ in range(3):  # each answer waits for a word of its own, and fails then
            plan = await there.agree(**wish)
            assert there.command.read_bytes() == before
        assert plan.status.reason == "TestsFailed"


async def test_a_changed_test_is_approved_anew(tmp_path: Path) -> None:
    async with anvil(tmp_path, answer()) as there:
        await there.passes()
        await there.agree()
        plan = await there.passes(tests=[{"args": ["x"]}])
        assert plan.status.reason == "NeedsApproval"


async def test_approve_auto_needs_nobody_and_signs_nothing(tmp_path: Path) -> None:
    async with anvil(tmp_path, answer()) as there:
        plan = await there.passes(approve="auto")
        assert plan.status.ready == "True"
        assert there.lock.current.approved == ""


async def test_an_agent_that_is_no_model_forges_nothing(tmp_path: Path) -> None:
    async with anvil(tmp_path) as there:
        want = replace(there.want(), needs={SMITH: Published({**FACTS, "runtime": "process"})})
        plan = kind.plan(want, await kind.driver(there.world).observe(SING, want), Instant(0.0))
        assert plan.status.reason == "Blocked"
        assert "agent/smith is no model" in plan.status.template


async def test_dependencies_of_the_answer_are_checked_for_and_installed(tmp_path: Path) -> None:
    async with anvil(tmp_path, answer("jq .", dependencies=["no-such-tool"])) as there:
        await there.passes()
        plan = await there.agree()
        assert "needs no-such-tool" in plan.status.message
        assert b"# p42: needs no-such-tool" in there.command.read_bytes()
