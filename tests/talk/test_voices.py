"""Who speaks in a session that is deleted is heard no longer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from p42.model.completion import Text, ToolCall
from p42.model.errors import P42Error
from p42.model.talk import Say
from tests.providers.vendors.script import Say as Answer
from tests.talk.room import room
from tests.talk.test_conversations import Clockwork

CUT = "session a was deleted while it was answered: the answer broke off"


@pytest.mark.parametrize("heard", [0, 1])
async def test_a_deleted_sessions_answer_is_cut_and_says_so(tmp_path: Path, heard: int) -> None:
    """The whole answer was shown once, and then that there is no such session."""
    gate = asyncio.Event()
    async with room(tmp_path, Answer("One two three", hold=gate, after=2 * heard)) as there:
        async with aclosing(there.talks.say(Say("muse", "Count.", session="a"))) as spoken:
            for _ in range(heard):
                assert isinstance(await anext(spoken), Text)
            async with asyncio.TaskGroup() as group, asyncio.timeout(5):
                waiting = group.create_task(_rest(spoken))
                await there.server.until(lambda: len(there.asked) == 1)
                await asyncio.sleep(0)
                assert await there.sessions.delete("a")
            assert CUT in waiting.result()
        await there.server.until(lambda: there.server.aborted == 1)
        assert await there.sessions.get("a") is None


async def test_it_is_cut_between_two_pieces_too(tmp_path: Path) -> None:
    async with room(tmp_path, Answer("One two three")) as there:
        async with aclosing(there.talks.say(Say("muse", "Count.", session="a"))) as spoken:
            await anext(spoken)
            await there.sessions.delete("a")
            assert CUT in await _rest(spoken)
        assert await there.sessions.get("a") is None


async def test_nothing_of_it_is_left_behind(tmp_path: Path) -> None:
    async with room(tmp_path, Answer("One two three")) as there:
        async with aclosing(there.talks.say(Say("muse", "Count.", session="a"))) as spoken:
            await anext(spoken)
            await there.sessions.delete("a")
            await there.sessions.speaking("a", "One two")  # what was under way
            await _rest(spoken)
        assert await there.sessions.recover() == 0
        await there.say("Again.", session="a")
        assert (await there.told("a"))[0][1] == "Again."


async def test_tools_are_called_no_more(tmp_path: Path) -> None:
    box = Clockwork()
    call = ToolCall("c1", "time", {})
    async with room(tmp_path, Answer("", calls=(call,)), Answer("Noon."), tools=box) as there:
        async with aclosing(there.talks.say(Say("muse", "When?", session="a"))) as spoken:
            assert isinstance(await anext(spoken), ToolCall)
            await there.sessions.delete("a")
            assert CUT in await _rest(spoken)
        assert len(there.asked) == 1


async def test_who_waited_speaks_in_a_new_session(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with room(tmp_path, Answer("first", hold=gate), Answer("second")) as there:
        async with asyncio.TaskGroup() as group, asyncio.timeout(5):
            one = group.create_task(_rest(there.talks.say(Say("muse", "one", session="a"))))
            await there.server.until(lambda: len(there.asked) == 1)
            two = group.create_task(there.say("two", session="a"))
            await asyncio.sleep(0)
            await there.sessions.delete("a")
        assert CUT in one.result()
        assert two.result().answer.reply.text == "second"
        assert [turn[1] for turn in await there.told("a")] == ["two", "second"]


async def test_others_are_not_disturbed(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.say("hello", session="b")
        await there.say("hello", session="a")
        await there.sessions.delete("b")
        await there.say("again", session="a")
        assert len(await there.told("a")) == 4


async def _rest(spoken: object) -> str:
    """What is said of the end."""
    try:
        async with aclosing(spoken) as pieces:  # type: ignore[type-var]
            async for _ in pieces:
                pass
    except P42Error as error:
        return str(error)
    return ""
