"""An exported conversation is taken in whole or not at all, and never in the place of another."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p42.api import transfer
from p42.api.talks import Watched
from p42.model.errors import InvalidInput, P42Error
from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.sessions import SqliteSessions
from tests.talk.test_sessions import Noon

WHOLE: dict[str, Any] = {
    "format": "p42.dev/session/v1", "id": "s-1", "agent": "muse", "created": 1.5, "last": 9.25,
    "ended": True, "model": "m-1", "title": "hello there", "command": "greet", "summary": "",
    "summarized": 0,
    "messages": [
        {"role": "user", "content": "hello 🐬", "at": 1.5, "cut": False, "more": {}},
        {"role": "assistant", "content": "", "at": 9.25, "cut": True,
         "more": {"calls": [{"id": "c", "name": "p42.get", "arguments": {"kind": "all"}}]}},
    ],
}  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Any]:
    """Sessions and a clock, which is all that is needed of one."""
    clock = Noon()
    file = SessionFile(tmp_path)
    yield SimpleNamespace(sessions=SqliteSessions(file, clock), clock=clock)
    file.close()


async def take(world: Any, body: Any) -> Any:
    return await transfer.take_in(world, transfer.Import(session=body))


async def test_what_goes_out_comes_in_and_goes_out_the_same(world: Any) -> None:
    card = await take(world, WHOLE)
    assert (card["id"], card["messages"], card["state"]) == ("s-1", 2, "completed")
    assert await transfer.export(world, Watched(session="s-1")) == WHOLE


async def test_the_same_again_changes_nothing_and_another_is_refused(world: Any) -> None:
    await take(world, WHOLE)
    await take(world, json.loads(json.dumps(WHOLE)))
    second = {**WHOLE["messages"][1], "content": "other"}
    others: list[dict[str, Any]] = [
        {"agent": "echo"}, {"ended": False}, {"title": "x"}, {"messages": WHOLE["messages"][:1]},
        {"messages": [WHOLE["messages"][0], second]},
    ]  # fmt: skip
    for other in others:
        with pytest.raises(P42Error, match="is here, and stays"):
            await take(world, {**WHOLE, **other})
    assert await transfer.export(world, Watched(session="s-1")) == WHOLE


async def test_one_that_went_on_here_is_not_put_back(world: Any) -> None:
    await take(world, WHOLE)
    await world.sessions.begin("s-1", "muse")
    await world.sessions.add("s-1", "user", "more")
    with pytest.raises(P42Error, match="is here, and stays"):
        await take(world, WHOLE)
    assert len(await world.sessions.turns("s-1")) == 3


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\x00", "\x7f", 7, None])
async def test_an_id_is_one_that_a_client_could_have_chosen(world: Any, name: Any) -> None:
    with pytest.raises(InvalidInput, match="this is no exported session: id"):
        await take(world, {**WHOLE, "id": name})
    for good in ("x" * 200, "a b/../c", "日本"):
        assert (await take(world, {**WHOLE, "id": good}))["id"] == good


WRONG: list[dict[str, Any]] = [
    {"format": "p42.dev/session/v2"}, {"agent": "a\x1b[2J"}, {"agent": 1}, {"created": "now"},
    {"created": -1}, {"last": 1e300}, {"ended": 1}, {"messages": {}}, {"messages": [7]},
    {"summarized": 3}, {"summarized": -1}, {"title": "x" * 1001}, {"another": 1},
]  # fmt: skip
MESSAGES: list[dict[str, Any]] = [
    {"role": "system"}, {"content": None}, {"at": "1"}, {"cut": 0}, {"more": []},
    {"more": {"calls": [{}]}}, {"more": {"calls": 1}}, {"more": {"answers": []}}, {"x": 1},
    {"more": {"calls": [{"id": 1, "name": "a", "arguments": {}}]}},
]  # fmt: skip
WRONG += [{"messages": [{**WHOLE["messages"][1], **wrong}]} for wrong in MESSAGES]


@pytest.mark.parametrize("wrong", WRONG)
async def test_one_wrong_field_and_nothing_is_kept(world: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="this is no exported session: ") as error:
        await take(world, {**WHOLE, **wrong})
    assert "\n" not in str(error.value)
    assert await world.sessions.list(archived=True) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    ),
    st.sampled_from([*WHOLE, "messages.0", "messages.1.more"]),
)
def test_whatever_stands_in_a_field_it_is_taken_whole_or_refused(
    tmp_path: Path, junk: Any, where: str
) -> None:
    async def run() -> None:
        file = SessionFile(tmp_path)
        world: Any = SimpleNamespace(sessions=SqliteSessions(file, Noon()), clock=Noon())
        body = json.loads(json.dumps(WHOLE))
        inner, *path = where.split(".")
        at = body
        for key in path:
            at, inner = at[int(inner) if inner.isdigit() else inner], key
        at[int(inner) if inner.isdigit() else inner] = junk
        try:
            card = await take(world, body)
            told = await transfer.export(world, Watched(session=card["id"]))
            assert told["messages"] == body["messages"]
            await world.sessions.delete(card["id"])
        except InvalidInput:
            assert await world.sessions.list(archived=True) == []
        finally:
            file.close()

    asyncio.run(run())


async def test_a_file_is_read_where_it_lies(world: Any, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(WHOLE))
    card = await transfer.take_in(world, transfer.Import(file=str(path)))
    assert card["messages"] == 2


async def test_what_is_no_file_of_such_a_size_is_told(world: Any, tmp_path: Path) -> None:
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", transfer.LARGEST + 1)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bad").write_bytes(b'{"id": "\xff"}')
    (tmp_path / "half").write_text(json.dumps(WHOLE)[:-9])
    (tmp_path / "deep").write_text("[" * 100_000)
    found = {
        "huge": "larger than 64 MiB", "pipe": "no plain file", "absent": "No such file",
        "": "Is a directory", "bad": "no exported session", "half": "no exported session",
        "deep": "no exported session",
    }  # fmt: skip
    for name, words in found.items():
        with pytest.raises(InvalidInput, match=words):
            await transfer.take_in(world, transfer.Import(file=str(tmp_path / name)))
    for both in (transfer.Import(), transfer.Import(session={}, file="/x")):
        with pytest.raises(InvalidInput, match="one of the two"):
            await transfer.take_in(world, both)
    with pytest.raises(InvalidInput, match="no absolute path"):
        await transfer.take_in(world, transfer.Import(file="s.json"))
    assert await world.sessions.list(archived=True) == []
