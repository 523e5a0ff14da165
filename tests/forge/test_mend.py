"""What failed its tests is told to its conversation once, and `/forge fix` asks for it again."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p42.ai.forge.fail import Failed, news_of
from p42.model.completion import Cut
from p42.model.errors import InvalidInput
from p42.model.plan import Instant
from p42.model.session import Turn
from p42.runtimes.processes import LocalProcesses
from tests.forge.smithy import Smithy, fenced, smithy
from tests.providers.vendors import CutShort, Say
from tests.talk.room import Room, room

BROKEN = "test 1 (no arguments): printed 'hi' instead of 'ho'"
GREET = Failed("greet", BROKEN, "0123456789ab", {"source": "echo hi\n", "language": "bash"})


class Bench:
    """A conversation in which `greet` was made; `failed` is what the engine says of it."""

    def __init__(self, there: Room, shop: Smithy, failed: list[Failed]) -> None:
        self.there, self.shop, self.failed = there, shop, failed

    async def say(self, text: str) -> Any:
        return await self.there.say(text, session="s")

    @property
    def system(self) -> str:
        """What the last message told the model beside the conversation."""
        return str(self.there.asked[-1]["messages"][0]["content"])


@asynccontextmanager
async def bench(root: Path, *script: Any) -> AsyncIterator[Bench]:
    failed: list[Failed] = []
    async with AsyncExitStack() as held:
        shop = await held.enter_async_context(
            smithy(root / "shop", processes=LocalProcesses(os.environ, home=root / "shop"))
        )
        made = Say(fenced(name="greet", implementation="echo hi", tests=[{"args": ["--test"]}]))
        there = await held.enter_async_context(
            room(root / "home", made, *script, listener=shop.forge,
                 failing=lambda session: failed if session == "s" else [])
        )  # fmt: skip
        found = Bench(there, shop, failed)
        assert (await found.say("make greet")).forged[0].problem == ""
        failed.append(GREET)
        yield found


def spec(name: str = "greet", implementation: str = "echo ho", **more: Any) -> Say:
    given = {"name": name, "description": "Greets.", "language": "bash", "dependencies": [],
             "implementation": implementation, **more}  # fmt: skip
    return Say(json.dumps(given))


async def test_the_next_message_carries_it_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as there:
        said = await there.say("how is it going?")
        assert f"- greet: {BROKEN}" in there.system
        (note,) = said.notes
        assert "command/greet failed its tests" in note
        assert "/forge fix" in note
        said = await there.say("and now?")
        assert (BROKEN in there.system, said.notes) == (False, ())


async def test_another_failure_is_told_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as there:
        await there.say("one")
        there.failed[:] = [replace(GREET, version="ba9876543210")]
        await there.say("two")
        assert BROKEN in there.system
        there.failed.clear()
        await there.say("three")
        assert BROKEN not in there.system


async def test_a_message_that_got_no_answer_told_nothing(tmp_path: Path) -> None:
    told = Turn(0, "user", "x", Instant(1.0), more={"failures": [GREET.key]})
    answer = Turn(1, "assistant", "y", Instant(2.0))
    assert news_of([GREET], [told], mend=False).fresh == (GREET,)
    assert news_of([GREET], [told, answer], mend=False).fresh == ()
    broken = CutShort(Say("Well, it is like this and that"))
    async with bench(tmp_path, broken, Say("fine")) as there:
        with pytest.raises(Cut):
            await there.say("one")
        assert BROKEN in there.system
        await there.say("two")  # it was told, and then broke off
        assert BROKEN not in there.system


async def test_other_conversations_are_told_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as there:
        await there.there.say("hello", session="t")
        assert BROKEN not in there.system


async def test_fix_asks_for_another_version_of_it(tmp_path: Path) -> None:
    async with bench(tmp_path, spec("better-name")) as there:
        said = await there.say("/forge fix")
        (made,) = said.forged
        assert (made.name, made.problem, said.notes) == ("greet", "", ())
        assert "-    echo hi\n+    echo ho\n" in made.diff
        for part in (BROKEN, '"implementation": "echo hi\\n"', "Its name stays greet"):
            assert part in there.system
        assert "response_format" in there.there.asked[-1]
        assert there.shop.read("greet").spec["tests"] == [{"args": ["--test"]}]
        await there.say("thanks")
        assert BROKEN not in there.system


async def test_who_failed_the_tests_does_not_write_them(tmp_path: Path) -> None:
    async with bench(tmp_path, spec(tests=[])) as there:
        (made,) = (await there.say("/forge fix")).forged
        assert made.problem == ""
        assert there.shop.read("greet").spec["tests"] == [{"args": ["--test"]}]


async def test_the_same_again_is_sent_back(tmp_path: Path) -> None:
    same = spec(implementation="echo hi", description="")
    async with bench(tmp_path, same, spec()) as there:
        (made,) = (await there.say("/forge fix")).forged
        assert made.problem == ""
        wrong = [text for role, text, _ in await there.there.told("s") if role == "user"][-1]
        assert "it is the version that failed" in wrong


async def test_of_several_the_latest_is_mended_and_the_others_are_told(tmp_path: Path) -> None:
    async with bench(tmp_path, spec()) as there:
        there.failed.insert(0, Failed("older", "exit code 1", "1", {}))
        said = await there.say("/forge fix")
        assert said.forged[0].name == "greet"
        assert "- older: exit code 1" in there.system
        assert len(said.notes) == 1


async def test_where_nothing_failed_there_is_nothing_to_fix(tmp_path: Path) -> None:
    async with bench(tmp_path) as there:
        there.failed.clear()
        asked = len(there.there.asked)
        for session in ("s", "new"):
            with pytest.raises(InvalidInput, match="/forge WHAT makes one"):
                await there.there.say("/forge fix", session=session)
        assert len(there.there.asked) == asked
        assert await there.there.sessions.get("new") is None


async def test_who_wants_something_fixed_says_more_than_fix(tmp_path: Path) -> None:
    async with bench(tmp_path, spec("fix-commas")) as there:
        (made,) = (await there.say("/forge fix the commas of a file")).forged
        assert (made.name, made.problem) == ("fix-commas", "")


@pytest.mark.parametrize("words", ["--into /tmp a lamp", "--into=/tmp", "--into"])
async def test_nobody_chooses_a_directory_by_what_they_say(tmp_path: Path, words: str) -> None:
    async with bench(tmp_path) as there:
        with pytest.raises(InvalidInput, match="on the command line"):
            await there.say(f"/forge {words}")
