"""Conversations on disk: what is told done is there again, whatever happened in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from p42.model.errors import InvalidInput, P42Error
from p42.model.plan import Instant
from p42.model.session import Session, Turn
from p42.stores.sessions.file import NAME, SessionFile
from p42.stores.sessions.sessions import SqliteSessions


class Noon:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> Instant:
        return Instant(self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> Noon:
    return Noon()


@pytest.fixture
async def sessions(tmp_path: Path, clock: Noon) -> AsyncIterator[SqliteSessions]:
    file = SessionFile(tmp_path)
    yield SqliteSessions(file, clock)
    file.close()


async def again(home: Path, clock: Noon) -> tuple[SessionFile, SqliteSessions]:
    file = SessionFile(home)
    return file, SqliteSessions(file, clock)


async def test_a_conversation_is_there_after_a_restart(
    sessions: SqliteSessions, tmp_path: Path, clock: Noon
) -> None:
    await sessions.begin("cli-1", "muse", title="hello there")
    await sessions.add("cli-1", "user", "hello 🐬")
    call = {"id": "1", "name": "get", "arguments": {}}
    await sessions.add("cli-1", "assistant", "hi", more={"calls": [call]})
    file, other = await again(tmp_path, clock)
    found = await other.get("cli-1")
    assert found is not None
    assert (found.agent, found.messages, found.title) == ("muse", 2, "hello there")
    turns = await other.turns("cli-1")
    assert [turn.content for turn in turns] == ["hello 🐬", "hi"]
    assert turns[1].more == {"calls": [call]}
    assert [turn.number for turn in await other.turns("cli-1", first=1)] == [1]
    file.close()


async def test_states_follow_time_and_an_end_stays(sessions: SqliteSessions, clock: Noon) -> None:
    session = await sessions.begin("a", "muse")
    now = clock.now()
    states = [session.state(Instant(now + minutes * 60)) for minutes in (0, 29, 30, 59, 60, 9999)]
    assert states == ["active", "active", "idle", "idle", "abandoned", "abandoned"]
    ended = await sessions.change("a", ended=True)
    assert ended is not None
    assert ended.state(now) == "completed"
    clock.time += 10**8
    assert (await sessions.begin("a", "other")).state(clock.now()) == "active"
    assert (await sessions.get("a") or session).agent == "muse"


async def test_search_finds_words_their_beginnings_and_accents(sessions: SqliteSessions) -> None:
    await sessions.begin("a", "muse")
    await sessions.add("a", "user", "Where is the café, please?")
    await sessions.add("a", "assistant", 'Quotes " and OR NOT * are only words')
    (hit,) = await sessions.search("CAFE plea")
    assert (hit.session, hit.number, hit.agent) == ("a", 0, "muse")
    assert "\x02café\x03" in hit.excerpt
    assert [h.number for h in await sessions.search('quotes" or* -not')] == [1]
    assert await sessions.search('"*"') == []
    await sessions.change("a", archived=True)
    assert len(await sessions.search("café")) == 1
    assert await sessions.list() == []
    assert len(await sessions.list(archived=True)) == 1


async def test_what_rested_long_is_archived_and_later_deleted(
    sessions: SqliteSessions, clock: Noon
) -> None:
    await sessions.begin("old", "muse")
    clock.time += 100
    await sessions.begin("new", "muse")
    assert await sessions.age(archive=None, delete=None) == (0, 0)
    assert await sessions.age(archive=50, delete=None) == (1, 0)
    assert [each.id for each in await sessions.list()] == ["new"]
    assert await sessions.age(archive=None, delete=50) == (0, 1)
    assert await sessions.get("old") is None


async def test_deleted_is_deleted_from_the_index_too(sessions: SqliteSessions) -> None:
    await sessions.begin("a", "muse")
    await sessions.add("a", "user", "unforgettable")
    assert await sessions.delete("a")
    assert not await sessions.delete("a")
    assert await sessions.search("unforgettable") == []
    assert await sessions.turns("a") == []


@pytest.mark.parametrize("wrong", ["", "x" * 201, "a\nb", "a\x00b"])
async def test_an_id_is_bounded_and_printable(sessions: SqliteSessions, wrong: str) -> None:
    with pytest.raises(InvalidInput):
        await sessions.begin(wrong, "muse")


async def test_taken_in_once(sessions: SqliteSessions) -> None:
    given = Session("old", "echo", Instant(1), Instant(2), ended=True, command="tree")
    turns = [Turn(0, "user", "q", Instant(1)), Turn(1, "assistant", "a", Instant(2))]
    assert await sessions.put(given, turns)
    assert not await sessions.put(given, turns)
    found = await sessions.get("old")
    assert found is not None
    assert (found.messages, found.last, found.command) == (2, 2, "tree")


SPEAKER = """
import asyncio, sys
from pathlib import Path
from p42.runtimes.clock import SystemClock
from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.sessions import SqliteSessions
async def main():
    sessions = SqliteSessions(SessionFile(Path(sys.argv[1])), SystemClock())
    await sessions.begin("a", "muse")
    await sessions.add("a", "user", "tell me")
    await sessions.speaking("a", "Once upon a ti")
    print("said", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_what_was_said_before_a_kill_is_a_cut_turn(tmp_path: Path, clock: Noon) -> None:
    speaker = subprocess.Popen(
        [sys.executable, "-c", SPEAKER, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert speaker.stdout is not None
    assert speaker.stdout.readline() == b"said\n"
    os.kill(speaker.pid, signal.SIGKILL)
    speaker.wait()
    speaker.stdout.close()
    file, sessions = await again(tmp_path, clock)
    assert await sessions.recover() == 1
    assert await sessions.recover() == 0
    turns = await sessions.turns("a")
    assert [(turn.content, turn.cut) for turn in turns] == [
        ("tell me", False), ("Once upon a ti", True),
    ]  # fmt: skip
    assert (await sessions.add("a", "user", "go on")).number == 2
    file.close()


async def test_a_damaged_file_is_set_aside_and_talk_goes_on(tmp_path: Path, clock: Noon) -> None:
    (tmp_path / NAME).write_bytes(b"not a database at all" * 1000)
    (tmp_path / f"{NAME}-wal").write_bytes(b"the last words")
    file, sessions = await again(tmp_path, clock)
    await sessions.begin("a", "muse")
    assert file.aside == tmp_path / f"{NAME}.corrupt-1"
    assert file.aside.read_bytes().startswith(b"not a")
    assert (tmp_path / f"{NAME}.corrupt-1-wal").read_bytes() == b"the last words"
    file.close()


async def test_a_page_damaged_while_it_runs_is_noticed(tmp_path: Path, clock: Noon) -> None:
    file, sessions = await again(tmp_path, clock)
    await sessions.begin("a", "muse")
    for number in range(200):
        await sessions.add("a", "user", f"{number} " + "word " * 100)
    file.close()
    path = tmp_path / NAME
    data = bytearray(path.read_bytes())
    data[4096 : len(data)] = b"\xee" * (len(data) - 4096)
    path.write_bytes(data)
    file, sessions = await again(tmp_path, clock)
    for _ in range(3):
        try:
            await sessions.begin("b", "muse")
            break
        except P42Error:
            continue
    assert file.aside is not None
    assert await sessions.get("b") is not None
    file.close()


async def test_a_newer_file_is_refused(tmp_path: Path, clock: Noon) -> None:
    file, sessions = await again(tmp_path, clock)
    await sessions.begin("a", "muse")
    await file.do(lambda db: db.execute("PRAGMA user_version = 99"))
    file.close()
    file, sessions = await again(tmp_path, clock)
    with pytest.raises(InvalidInput, match="newer"):
        await sessions.get("a")
    file.close()
