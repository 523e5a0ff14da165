"""What in a conversation is a command and what is talk, and that no agent is told it went well."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from p42.model.completion import ToolCall
from p42.model.resource import Resource
from p42.model.talk import Heard
from tests.forge.smithy import Smithy, fenced, smithy
from tests.providers.vendors import Say
from tests.talk.room import MUSE, Room, room
from tests.tools.shop import Shop, rules

GOOD = {"name": "greet", "implementation": "echo hi"}
HIDES = {"name": "ls", "implementation": "echo hi"}
JSON = (
    '{"compilerOptions": {"strict": true}}',
    '{\n  // the strict one\n  "strict": true\n}',
    '{"name": "app", "description": "An app.", "dependencies": {"left-pad": "1"}}',
    "[1, 2]",
)


@asynccontextmanager
async def table(root: Path, *script: Any) -> AsyncIterator[tuple[Room, Smithy]]:
    """Muse has tools, and the one that declares commands asks the forge that hears of it."""
    shop = Shop(root / "shop")
    async with (
        smithy(root / "home") as there,
        room(root / "talk", *script, tools=shop.tools, listener=there.forge) as talk,
    ):
        shop.tools.open(shop.world, shop, unfit=there.forge.unfit)
        await talk.declare("muse", {**MUSE, **rules()})
        yield talk, there


def calls(*specs: Any) -> Say:
    return Say("", calls=tuple(
        ToolCall(f"c{number}", "forge_command", spec) for number, spec in enumerate(specs)
    ))  # fmt: skip


def results(there: Room) -> list[str]:
    return [m["content"] for m in there.asked[-1]["messages"] if m["role"] == "tool"]


async def test_a_call_that_will_not_do_says_so_to_the_model(tmp_path: Path) -> None:
    async with table(tmp_path, calls(HIDES), Say("It did not work.")) as (talk, there):
        await talk.say("make it", session="s")
        (told,) = results(talk)
        assert told.startswith("refused: ls is a program here")
        assert there.written == []


async def test_the_first_call_that_will_do_counts(tmp_path: Path) -> None:
    script = (calls(HIDES, GOOD), Say("Made."))
    async with table(tmp_path, *script) as (talk, there):
        said = await talk.say("make it", session="s")
        assert [(made.name, made.problem) for made in said.forged] == [("greet", "")]
        first, second = results(talk)
        assert first.startswith("refused: ")
        assert second.startswith("It becomes a manifest")
        assert there.sheet("greet").exists()


async def test_a_call_no_tool_looked_at_is_no_reason_to_leave_out_the_next(
    tmp_path: Path,
) -> None:
    async with smithy(tmp_path / "home") as there:
        both = [ToolCall("1", "forge_command", HIDES), ToolCall("2", "forge_command", GOOD)]
        first, second = await there.hear("", *both)
        assert "ls is a program" in first.problem
        assert second.file


@pytest.mark.parametrize("name", ["", "/etc/passwd", "sudo", "if"])
async def test_what_would_be_refused_is_known_before(tmp_path: Path, name: str) -> None:
    async with smithy(tmp_path / "home") as there:
        spec = {"name": name, "implementation": "echo hi"}
        why = await there.forge.unfit("muse", "s-1", spec)
        assert why == (await there.one(**spec)).problem != ""
        assert await there.forge.unfit("muse", "s-1", GOOD) == ""
        assert there.written == []


async def test_a_refusal_after_an_answer_is_known_when_it_is_asked_about(tmp_path: Path) -> None:
    script = (Say(fenced(**HIDES)), Say("No: ls is taken."))
    async with table(tmp_path, *script) as (talk, _):
        await talk.say("make a listing", session="s")
        await talk.say("did it work?", session="s")
        last = talk.asked[-1]["messages"][-1]
        assert last["role"] == "user"
        assert "no command was made: ls: ls is a program here" in last["content"]
        assert last["content"].endswith("did it work?")


async def test_what_was_refused_is_not_what_a_person_asks_for(tmp_path: Path) -> None:
    script = (Say(fenced(**HIDES)), Say(json.dumps(GOOD)))
    async with table(tmp_path, *script) as (talk, there):
        await talk.say("make something that greets", session="s")
        await talk.say("/forge", session="s")
        assert there.read("greet").spec["description"] == "make something that greets"


@pytest.mark.parametrize("text", JSON)
async def test_json_in_a_talk_is_no_command_and_hides_none(tmp_path: Path, text: str) -> None:
    async with smithy(tmp_path / "home") as there:
        talk = f"Like so:\n```json\n{text}\n```\n"
        assert list(await there.hear(talk)) == []
        (made,) = await there.hear(talk + fenced(**GOOD))
        assert (made.name, made.problem) == ("greet", "")
        (asked,) = await there.hear(talk, asked="a command")
        assert asked.problem


async def test_a_spec_that_is_broken_is_still_said_to_be(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        (made,) = await there.hear('```json\n{"name": "x", "implementation": "a\nb"}\n```')
        assert "no JSON" in made.problem


async def test_what_is_made_says_whether_it_waits(tmp_path: Path) -> None:
    asked: list[Resource] = []

    def waits(resource: Resource) -> bool:
        asked.append(resource)
        return len(asked) == 1

    async with smithy(tmp_path / "home", waits=waits) as there:
        assert (await there.one(**GOOD)).waits
        assert not (await there.one(**GOOD)).waits  # unchanged
        assert {each.place.file for each in asked} == {str(there.sheet("greet"))}


async def test_who_asked_no_model_names_none(tmp_path: Path) -> None:
    async with smithy(tmp_path / "home") as there:
        await there.forge.heard(Heard("muse", {"forge": True}, "s-1", fenced(**GOOD), ""))
        assert "p42.dev/forged-model" not in there.read("greet").annotations
