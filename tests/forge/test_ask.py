"""`/forge`: the answer is bound to the shape of a command, and sent back with what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from p42.ai.accounts.asked import local
from p42.ai.forge.ask import TRIES, in_words
from p42.model.completion import Prompt
from p42.model.errors import Blocked, InvalidInput
from p42.runtimes.processes import LocalProcesses
from p42.scripts.examples import TEMPERATURES, simply
from tests.forge.smithy import Smithy, smithy
from tests.providers.vendors import Say
from tests.talk.room import MUSE, Room, room


@asynccontextmanager
async def workshop(root: Path, *script: Any) -> AsyncIterator[tuple[Room, Smithy]]:
    """A room whose replies are heard by a forge that reads and begins scripts."""
    processes = LocalProcesses(os.environ, home=root / "smithy")
    (root / "smithy").mkdir()
    async with (
        smithy(root / "smithy", processes=processes) as shop,
        room(root / "home", *script, listener=shop.forge) as there,
    ):
        yield there, shop


def spec(implementation: str = "echo hi", name: str = "greet", **more: Any) -> Say:
    return Say(json.dumps({
        "name": name, "description": "Greets.", "language": "bash", "dependencies": [],
        "implementation": implementation, **more,
    }))  # fmt: skip


async def test_what_is_asked_for_is_bound_to_a_shape_and_long_enough(tmp_path: Path) -> None:
    async with workshop(tmp_path, spec()) as (there, shop):
        said = await there.say("/forge a command that greets", session="s")
        (made,) = said.forged
        assert (made.name, made.problem) == ("greet", "")
        assert shop.read("greet").spec["source"] == "echo hi\n"
        (asked,) = there.asked
        shape = asked["response_format"]["json_schema"]
        assert (shape["strict"], "implementation" in shape["schema"]["required"]) == (True, True)
        assert asked["max_completion_tokens"] == 4096  # muse's own limit is 100
        assert "tools" not in asked
        assert asked["messages"][0]["content"].startswith("You are muse.")
        session = await there.sessions.get("s")
        assert session is not None
        assert session.command == "greet"


async def test_nothing_is_made_of_a_conversation_in_which_nothing_was_said(tmp_path: Path) -> None:
    async with workshop(tmp_path, Say("fine")) as (there, _):
        for session in ("", "s"):
            with pytest.raises(InvalidInput, match="nothing was spoken of"):
                await there.say("/forge", session=session)
        assert there.asked == []
        assert await there.sessions.get("s") is None


async def test_what_is_wrong_goes_back_in_the_conversation(tmp_path: Path) -> None:
    script = (spec("echo hi", name="ls"), spec("echo 'hi\n", name="greet"), spec())
    async with workshop(tmp_path, *script) as (there, _):
        said = await there.say("/forge a command that greets", session="s")
        assert [made.problem for made in said.forged] == [""]
        turns = await there.told("s")
        wrong = [text for role, text, _ in turns if role == "user"][1:]
        assert len(wrong) == 2
        assert "ls is a program here" in wrong[0]
        assert "it is no bash: line 1: unexpected EOF" in wrong[1]
        assert len(there.asked) == 3  # each is metered by itself


async def test_a_few_tries_are_enough_and_the_last_reason_is_told(tmp_path: Path) -> None:
    async with workshop(tmp_path, *[spec(name="sudo")] * (TRIES + 1)) as (there, shop):
        said = await there.say("/forge a command that becomes root")
        (made,) = said.forged
        assert "sudo is what people trust" in made.problem
        assert len(there.asked) == TRIES
        assert shop.written == []


async def test_an_answer_without_a_spec_is_said_to_be_none(tmp_path: Path) -> None:
    async with workshop(tmp_path, Say("Sure! Which one?"), spec()) as (there, _):
        said = await there.say("/forge a command that greets", session="s")
        assert said.forged[0].name == "greet"
        assert "holds no json object" in (await there.told("s"))[2][1]


async def test_what_nobody_asked_for_is_not_asked_for_again(tmp_path: Path) -> None:
    reply = f"Here:\n```json\n{spec(name='ls').text}\n```"
    async with workshop(tmp_path, Say(reply)) as (there, _):
        said = await there.say("what would a listing look like?")
        assert "ls is a program" in said.forged[0].problem
        assert len(there.asked) == 1


async def test_who_makes_no_commands_says_so_and_nothing_is_paid(tmp_path: Path) -> None:
    async with workshop(tmp_path) as (there, _):
        await there.declare("muse", {**MUSE, "forge": False})
        with pytest.raises(Blocked, match="makes no commands"):
            await there.say("/forge a command")
        assert there.asked == []


async def test_a_word_that_only_begins_so_is_talk(tmp_path: Path) -> None:
    async with workshop(tmp_path, Say("hello")) as (there, _):
        assert (await there.say("/forgery is a crime")).forged == ()
        assert "response_format" not in there.asked[0]


async def test_a_command_is_described_by_what_was_asked_for_where_the_model_is_silent(
    tmp_path: Path,
) -> None:
    said = Say(json.dumps({"name": "greet", "implementation": "echo hi"}))
    async with workshop(tmp_path, Say("fine"), said) as (there, shop):
        await there.say("I need something that greets", session="s")
        await there.say("/forge", session="s")
        assert shop.read("greet").spec["description"] == "I need something that greets"


def test_a_small_model_is_asked_simply_and_a_large_one_is_not() -> None:
    prompt = Prompt("m", (), "persona", max_tokens=4096, simple=simply("a command that sings"))
    simple = local(prompt, seconds=300)
    assert simple.model == "m"
    assert simple.system != "persona"
    assert simple.messages[-1].content == "a command that sings"
    assert simple.max_tokens == 200
    assert simple.shape is not None


def test_each_try_of_a_small_model_is_freer_than_the_one_before() -> None:
    told = [simply("x", tries=n).temperature for n in range(6)]
    assert told == [*TEMPERATURES, TEMPERATURES[-1], TEMPERATURES[-1]]


def test_a_program_that_is_an_agent_is_told_in_words() -> None:
    assert in_words("/forge a lamp").endswith("programs).\na lamp")
    assert in_words("/forget it") == "/forget it"
