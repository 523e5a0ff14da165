"""Who answers, and by which model: what is chosen is kept once it answered, and can be undone."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from p42.model.errors import Blocked, InvalidInput
from p42.model.talk import OWN_MODEL, Say
from tests.providers.vendors.script import Say as Answer
from tests.providers.vendors.script import Status
from tests.talk.room import MUSE, Room, room


def script(seen: Any) -> Any:
    """A vendor that has every model but `bad`."""
    return Status(404) if seen.body["model"] == "bad" else Answer("Yes.")


async def kept(there: Room, session: str = "a") -> tuple[str, str]:
    found = await there.sessions.get(session)
    assert found is not None
    return found.model, found.answered


async def test_a_model_that_does_not_answer_is_not_kept(tmp_path: Path) -> None:
    """A slip of the fingers once stuck to the session, and every later message failed by it."""
    async with room(tmp_path) as there:
        there.server.script = script
        await there.declare("muse", {**MUSE, "model": "m-1"})
        with pytest.raises(Blocked):
            await there.say("one", session="a", model="bad")
        assert await kept(there) == ("", "")
        await there.say("two", session="a")
        assert there.asked[-1]["model"] == "m-1"
        assert await kept(there) == ("", "m-1")


async def test_a_model_that_answered_is_kept_until_the_agents_own_is_asked_for(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        await there.declare("muse", {**MUSE, "model": "m-1"})
        for model, asked, keeps in (
            ("", "m-1", ""), ("m-2", "m-2", "m-2"), ("", "m-2", "m-2"),
            (OWN_MODEL, "m-1", ""), ("", "m-1", ""),
        ):  # fmt: skip
            await there.say("hello", session="a", model=model)
            assert there.asked[-1]["model"] == asked
            assert await kept(there) == (keeps, asked)
        await there.declare("muse", {**MUSE, "model": "m-3"})
        await there.say("hello", session="a")
        assert there.asked[-1]["model"] == "m-3"


@pytest.mark.parametrize(
    ("first", "model", "facts", "told"),
    [
        ("", "bad", {}, "the model asked for was 'bad': choose another with --model NAME"),
        ("", "", {"model": "bad"}, "agent/muse has `model: bad`: say another in its manifest"),
        ("m-2", "", {}, "this conversation keeps the model 'm-2': .* own with --model default"),
    ],
)
async def test_a_refused_model_is_named_with_what_to_do(
    tmp_path: Path, first: str, model: str, facts: Any, told: str
) -> None:
    async with room(tmp_path) as there:
        if first:
            await there.say("hello", session="a", model=first)
        there.server.script = lambda _: Status(404)
        await there.declare("muse", {**MUSE, **facts})
        with pytest.raises(Blocked, match=f"refuses this with 404.*; {told}"):
            await there.say("one", session="a", model=model)


@pytest.mark.parametrize(
    "name", ["builder", "@ai-builder", "Test_Agent.2", "x" * 63, "@ai-" + "x" * 63, "1st"]
)
async def test_anybody_with_a_name_answers(tmp_path: Path, name: str) -> None:
    async with room(tmp_path) as there:
        async with aclosing(there.talks.say(Say(name, "hi", session="a"))) as spoken:
            assert [piece async for piece in spoken]
        found = await there.sessions.get("a")
        assert found is not None
        assert found.agent == name.removeprefix("@").removeprefix("ai-")


@pytest.mark.parametrize(
    "name", ["x" * 64, "x" * 5000, "a\nb", "a b", "\x1b[31m", "../up", "-v", "名", "a/b", "\ud800"]
)
async def test_a_name_that_is_none_begins_no_session(tmp_path: Path, name: str) -> None:
    """Five thousand characters once made every row of the list as wide."""
    async with room(tmp_path) as there:
        with pytest.raises(InvalidInput, match="is no agent's name") as caught:
            async with aclosing(there.talks.say(Say(name, "hi", session="a"))) as spoken:
                await anext(spoken)
        assert len(str(caught.value)) < 500
        assert await there.sessions.list() == []


async def test_a_session_of_an_odd_name_goes_on_all_the_same(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.sessions.begin("old", "The Builder")
        await there.say("go on", session="old", agent="")
        assert "The Builder" in there.asked[-1]["messages"][0]["content"]
