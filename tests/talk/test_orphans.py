"""A conversation outlives the agent it was begun with."""

from __future__ import annotations

from pathlib import Path

import pytest

from p42.model.plan import Instant
from p42.model.refs import Ref
from p42.model.session import Session
from tests.talk.room import MUSE, room


@pytest.mark.parametrize("known", [True, False])
async def test_one_without_an_agent_goes_on_with_the_one_that_is_named(
    tmp_path: Path, known: bool
) -> None:
    async with room(tmp_path) as there:
        await there.sessions.put(Session("a", "", Instant(1), Instant(1)), [])
        said = await there.say("Hello", session="a", known=known)
        assert said.agent == "muse"
        assert (await there.sessions.get("a") or _none()).agent == "muse"


async def test_one_whose_agent_was_deleted_goes_on_with_the_one_that_is_named(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        await there.declare("oldie", {**MUSE, "persona": "You are oldie."})
        await there.sessions.put(Session("a", "oldie", Instant(1), Instant(1)), [])
        assert (await there.say("Hello", session="a", known=True)).agent == "oldie"
        await there.there.registry.drop(Ref("Agent", "oldie"))
        said = await there.say("Go on", session="a", known=True)
        assert said.agent == "muse"
        assert said.notes == (
            "@oldie is not declared any more: @muse goes on with this conversation",
        )
        assert not (await there.say("And on", session="a", known=True)).notes


async def test_the_originals_clients_go_on_with_whom_they_named(tmp_path: Path) -> None:
    async with room(tmp_path) as there:
        await there.sessions.put(Session("a", "builder", Instant(1), Instant(1)), [])
        for named in ("@builder", "@somebody", ""):
            said = await there.say("Hello", session="a", agent=named)
            assert said.agent == "builder"
            assert not said.notes


async def test_one_who_is_declared_takes_over_from_one_who_is_not_at_every_door(
    tmp_path: Path,
) -> None:
    async with room(tmp_path) as there:
        await there.sessions.put(Session("a", "builder", Instant(1), Instant(1)), [])
        assert (await there.say("Hello", session="a", agent="@ai-muse")).agent == "muse"


def _none() -> Session:
    raise AssertionError("there is no such session")
