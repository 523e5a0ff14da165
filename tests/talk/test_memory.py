"""An original's memory/ is read in whenever it comes, once, and what cannot be read is told."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from p42.model.plan import Instant
from p42.stores.sessions.memoryimport import MOST_TOLD
from p42.stores.sessions.sessions import SqliteSessions
from tests.talk.remembering import FIRST, SAID, Home


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    made = Home(tmp_path)
    yield made
    made.file.close()


async def test_an_originals_files_read_in_with_all_their_oddities(home: Home) -> None:
    later = {
        **FIRST, "updated_at": "2026-11-21T10:20:12+01:00", "state": "completed",
        "command_generated": {"name": "tree", "created_at": "", "path": ""},
        "messages": [SAID, {"role": "system", "content": "x"}],
    }  # fmt: skip
    home.put("session-1-hello,-creating-a.json", FIRST)
    home.put("session-1-tree.json", later)
    assert await home.start() == 1
    (session,) = await home.sessions.list()
    assert (session.id, session.agent, session.command, session.ended) == (
        "cli-1", "muse", "tree", True,
    )  # fmt: skip
    (turn,) = await home.sessions.turns("cli-1")
    assert (turn.role, turn.at) == ("user", Instant(1795252811.0))
    assert session.answered == "m"
    (told,) = home.told
    assert "session-1-tree.json was not read in whole" in told


BAD: dict[str, Any] = {
    "a newline in its id": {**FIRST, "id": "a\nb"},
    "an id of 201": {**FIRST, "id": "x" * 201},
    "half a character": {**FIRST, "id": "\ud800"},
    "no id": {"messages": []},
    "a list": [],
    "no JSON": "{",
    "deep": "[" * 100_000,
    "an agent nobody can read": {**FIRST, "id": "a", "agent": "x" * 5000},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_bad_file_is_told_with_its_name_and_the_others_are_read(
    home: Home, bad: Any
) -> None:
    """One once ended the start of the daemon, and the next start never read the others."""
    path = home.put("session-0-bad.json", bad)
    home.put("session-9-good.json", FIRST)
    assert await home.start() == 1
    (told,) = home.told
    assert told.startswith("memory/sessions/2025-07-17/session-0-bad.json was not read in: ")
    assert "mend it" in told
    assert await home.start() == 0
    assert home.told == []  # once
    path.write_text(json.dumps({**FIRST, "id": "mended"}))
    assert await home.start() == 1
    assert await home.ids() == {"cli-1", "mended"}


async def test_what_is_no_plain_file_blocks_no_start(home: Home) -> None:
    day = home.put("session-9-good.json", FIRST).parent
    os.mkfifo(day / "session-1-pipe.json")
    (day / "session-2-directory.json").mkdir()
    (day / "session-3-nowhere.json").symlink_to("/nonexistent")
    os.close(os.open(os.fsencode(day) + b"/session-\xff.json", os.O_CREAT | os.O_WRONLY))
    assert await home.start() == 1
    assert len(home.told) == 4
    assert await home.start() == 0
    assert home.told == []


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:59:59-05:00", "1900-01-01T00:00:00Z", "soon", 17, None, "0001-01-01"]
)
async def test_a_time_that_is_none_loses_no_word(home: Home, time: Any) -> None:
    messages = [SAID, {**SAID, "role": "assistant", "content": "a", "timestamp": time}]
    home.put("session-1-a.json", {**FIRST, "messages": messages, "updated_at": time})
    home.put(
        "session-1795252811-b.json",
        {**FIRST, "id": "b", "created_at": time, "messages": [{**SAID, "timestamp": time}]},
    )
    assert await home.start() == 2
    assert [turn.content for turn in await home.sessions.turns("cli-1")] == ["q", "a"]
    assert {turn.at for turn in await home.sessions.turns("cli-1")} == {Instant(1795252811.0)}
    other = await home.sessions.get("b")
    assert other is not None
    assert other.created == 1795252811.0  # as its name says


async def test_a_memory_that_comes_after_the_first_start_is_read_at_the_next(home: Home) -> None:
    assert await home.start() == 0
    await home.say("mine", "hello")
    home.put("session-1-old.json", FIRST)
    assert await home.start() == 1
    assert await home.ids() == {"mine", "cli-1"}
    assert await home.start() == 0
    assert home.told == []


async def test_what_p42_mirrored_is_never_read_in_as_new(home: Home) -> None:
    await home.say("a", "one")
    await home.say("b", "two")
    assert await home.start() == 0
    await home.sessions.delete("a")
    assert await home.start() == 0
    assert await home.ids() == {"b"}
    assert home.there() == ["b"]


async def test_a_start_reads_no_file_that_is_known(home: Home) -> None:
    """Ten thousand files cost a start their names."""
    await home.say("a", "one")
    home.put("session-1-old.json", FIRST)
    await home.start()
    for path in (home.path / "memory" / "sessions").glob("*/*.json"):
        path.write_text("{")
    assert await home.start() == 0
    assert home.told == []


async def test_what_an_older_p42_left_of_forgotten_ones_is_not_read_in(home: Home) -> None:
    """It kept no record of its files and removed none."""
    await home.say("here", "one")
    await home.say("forgotten", "the secret")
    files = {path: path.read_bytes() for path in home.path.glob("memory/sessions/*/*.json")}
    await home.sessions.delete("forgotten")
    await home.mirror.flush()
    for path, body in files.items():
        path.write_bytes(body)
    home.put("session-1-old.json", FIRST)
    await home.file.do(_as_before)
    assert await home.start() == 1
    assert await home.ids() == {"here", "cli-1"}
    (told,) = home.told
    assert told.endswith("were deleted or are another p42's: 1")
    await home.say("here", "two")
    assert home.there() == ["cli-1", "forgotten", "here"]
    assert await home.start() == 0
    assert home.told == []


def _as_before(db: sqlite3.Connection) -> None:
    db.execute("UPDATE sessions SET file = ''")
    db.execute("DELETE FROM strays")
    db.execute("INSERT INTO notes VALUES ('memory', 'before')")


async def test_a_lost_database_is_filled_from_the_mirror_but_not_with_what_was_forgotten(
    home: Home,
) -> None:
    await home.say("kept", "one", "two")
    await home.say("forgotten", "the secret")
    await home.sessions.delete("forgotten")
    await home.mirror.flush()
    assert await home.start(ruined=True) == 1
    assert await home.ids() == {"kept"}
    assert [turn.content for turn in await home.sessions.turns("kept")] == ["one", "two"]


async def test_an_imported_conversation_that_goes_on_has_one_file(home: Home) -> None:
    older = {**FIRST, "updated_at": "2026-11-21T09:20:11Z"}
    home.put("session-1-hello.json", older)
    more = [SAID, {**SAID, "role": "assistant", "content": "a"}]
    home.put("session-1-tree.json", {**FIRST, "messages": more})
    assert await home.start() == 1
    await home.say("cli-1", "and on")
    assert home.there() == ["cli-1"]
    index = json.loads((home.path / "memory" / "index.json").read_text())
    (entry,) = index["sessions"]
    body = json.loads((home.path / "memory" / "sessions" / entry["file"]).read_text())
    assert [message["content"] for message in body["messages"]] == ["q", "a", "and on"]
    await home.sessions.delete("cli-1")
    await home.mirror.flush()
    assert home.there() == []
    assert await home.start() == 0


async def test_another_conversation_of_the_same_id_is_told_and_left_alone(home: Home) -> None:
    await home.say("cli-1", "something else")
    path = home.put("session-1-old.json", FIRST)
    assert await home.start() == 0
    (told,) = home.told
    assert "another conversation has its id, 'cli-1', and stays" in told
    await home.say("cli-1", "on")
    assert path.exists()
    await home.sessions.delete("cli-1")  # with all that goes by its name
    await home.mirror.flush()
    assert not path.exists()


async def test_after_an_import_the_index_tells_what_is_there(home: Home) -> None:
    home.put("session-1-old.json", FIRST)
    await home.start()
    index = json.loads((home.path / "memory" / "index.json").read_text())
    (entry,) = index["sessions"]
    assert (home.path / "memory" / "sessions" / entry["file"]).is_file()
    assert index["stats"]["total_sessions"] == 1


async def test_many_bad_files_are_counted_not_listed(home: Home) -> None:
    for number in range(MOST_TOLD + 5):
        home.put(f"session-{number}.json", "{")
    assert await home.start() == 0
    assert len(home.told) == MOST_TOLD + 1
    assert "beside these: 5" in home.told[-1]


async def test_an_import_that_was_broken_off_goes_on_and_doubles_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p42.stores.sessions.memoryimport.BATCH", 2)
    for number in range(5):
        home.put(f"session-{number}.json", {**FIRST, "id": f"s-{number}"})
    real, calls = SqliteSessions.put_all, 0

    async def put_all(self: SqliteSessions, many: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return await real(self, many)

    monkeypatch.setattr(SqliteSessions, "put_all", put_all)
    with pytest.raises(KeyboardInterrupt):
        await home.start()
    assert len(await home.ids()) == 2
    assert await home.start() == 3
    assert len(await home.ids()) == 5
    assert home.told == []
