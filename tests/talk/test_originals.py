"""What an original's file says and no conversation of p42 can hold stays on disk, and is told.

Messages of other roles were once dropped without a word, and the next turn wrote over the file.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.talk.remembering import FIRST, SAID, Home

ANSWER = {**SAID, "role": "assistant", "content": "a"}
SYSTEM = {"role": "system", "content": "Never tell the code."}
ODD: dict[str, Any] = {
    "system": SYSTEM,
    "tool": {"role": "tool", "content": "42", "tool_call_id": "x"},
    "no role": {"content": "who says this?"},
    "no object": "a text alone",
    "a list of parts": {"role": "user", "content": [{"type": "text", "text": "in parts"}]},
    "no content": {"role": "user", "tool_calls": [{"id": "1"}]},
}


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    made = Home(tmp_path)
    yield made
    made.file.close()


def files(home: Home) -> list[Path]:
    return sorted((home.path / "memory" / "sessions").glob("*/*.json"))


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_what_is_not_read_in_is_told_and_its_file_is_left_alone(home: Home, odd: Any) -> None:
    path = home.put("session-1-old.json", {**FIRST, "messages": [SAID, odd, ANSWER]})
    before = path.read_bytes()
    assert await home.start() == 1
    (told,) = home.told
    assert told.startswith(
        "memory/sessions/2025-07-17/session-1-old.json was not read in whole: 1 of its messages "
    )
    assert "the file stays as it is" in told
    await home.say("cli-1", "and on")
    assert path.read_bytes() == before
    (other,) = [each for each in files(home) if each != path]
    said = [message["content"] for message in json.loads(other.read_text())["messages"]]
    assert said[0] == "q"
    assert said[-2:] == ["a", "and on"]
    index = json.loads((home.path / "memory" / "index.json").read_text())
    assert index["sessions"][0]["file"] == other.relative_to(other.parents[1]).as_posix()


async def test_it_is_told_once_and_doubles_nothing(home: Home) -> None:
    path = home.put("session-1-old.json", {**FIRST, "messages": [SAID, SYSTEM]})
    assert await home.start() == 1
    for _ in range(2):
        assert await home.start() == 0
        assert home.told == []
    await home.say("cli-1", "and on")
    assert path.exists()
    assert len(files(home)) == 2


@pytest.mark.parametrize("later", [False, True])
async def test_it_outlives_the_database(home: Home, later: bool) -> None:
    """Then two files have its id: whichever is taken, neither is written over or removed."""
    path = home.put("session-1-old.json", {**FIRST, "messages": [SAID, SYSTEM]})
    await home.start()
    if later:
        home.clock.time += 100
        await home.say("cli-1", "and on")
    before = path.read_bytes()
    for _ in range(2):
        assert await home.start(ruined=True) == 1
        await home.say("cli-1", "once more")
        assert path.read_bytes() == before
        turns = [turn.content for turn in await home.sessions.turns("cli-1")]
        assert ("and on" in turns) is later


async def test_of_two_files_of_one_conversation_the_one_with_more_stays(home: Home) -> None:
    """The other half of an original that renamed its file: it goes only where all of it is here."""
    older = {**FIRST, "messages": [SYSTEM, SAID], "updated_at": "2026-11-21T09:20:11Z"}
    path = home.put("session-1-hello.json", older)
    home.put("session-1-tree.json", {**FIRST, "messages": [SAID, ANSWER]})
    assert await home.start() == 1
    (told,) = home.told
    assert "session-1-hello.json was not read in whole" in told
    await home.say("cli-1", "and on")
    assert json.loads(path.read_text())["messages"][0] == SYSTEM


async def test_a_file_of_our_own_that_somebody_wrote_into_is_left_alone_too(home: Home) -> None:
    await home.say("mine", "one", "two")
    (path,) = files(home)
    body = json.loads(path.read_text())
    body["messages"].insert(0, SYSTEM)
    path.write_text(json.dumps(body))
    before = path.read_bytes()
    assert await home.start(ruined=True) == 1
    await home.say("mine", "three")
    assert path.read_bytes() == before
    assert len(files(home)) == 2
    assert await home.start() == 0


async def test_forgotten_is_forgotten_in_the_file_that_was_left_as_well(home: Home) -> None:
    home.put("session-1-old.json", {**FIRST, "messages": [SAID, SYSTEM]})
    await home.start()
    await home.sessions.delete("cli-1")
    await home.mirror.flush()
    assert files(home) == []
