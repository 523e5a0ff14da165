"""memory/ says what sessions.db says, in the original's shape, and no more than that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from p42.model.session import Session, Turn
from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.memoryfiles import MemoryFiles, slug
from p42.stores.sessions.memorymirror import MemoryMirror
from p42.stores.sessions.sessions import SqliteSessions
from tests.talk.test_sessions import Noon


class Kept:
    """Sessions and their mirror, on one clock."""

    def __init__(self, home: Path, file: SessionFile) -> None:
        self.home, self.clock = home, Noon()
        self.clock.time = 1_795_252_811.5
        self.file, self.known = file, MemoryFiles(file)
        self.sessions = SqliteSessions(file, self.clock, changed=lambda name: self.told(name))
        self.mirror = MemoryMirror(home, self.sessions, self.known, self.clock)
        self.told: Callable[[str], None] = self.mirror.changed

    async def talk(self, session: str, *texts: str, agent: str = "muse") -> None:
        await self.sessions.begin(session, agent, title=texts[0])
        for number, text in enumerate(texts):
            await self.sessions.add(session, ("user", "assistant")[number % 2], text)  # type: ignore[arg-type]
        await self.mirror.flush()

    def index(self) -> Any:
        return json.loads((self.home / "memory" / "index.json").read_text())

    def files(self) -> list[Path]:
        return sorted((self.home / "memory" / "sessions").glob("*/*.json"))


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    file = SessionFile(tmp_path)
    yield Kept(tmp_path, file)
    file.close()


async def test_a_turn_is_in_the_originals_files(kept: Kept) -> None:
    await kept.talk("py-test-3", "Hello from Python!", "Hello.")
    (path,) = kept.files()
    assert path.name.startswith("session-1795252811-hello-from-python-")
    body = json.loads(path.read_text())
    assert (body["id"], body["agent"], body["state"]) == ("py-test-3", "muse", "active")
    assert [m["content"] for m in body["messages"]] == ["Hello from Python!", "Hello."]
    (entry,) = kept.index()["sessions"]
    assert (kept.home / "memory" / "sessions" / entry["file"]) == path
    assert entry["message_count"] == 2
    assert kept.index()["stats"]["active_sessions"] == 1


async def test_two_of_the_same_second_and_words_are_two_files(kept: Kept) -> None:
    await kept.talk("a", "same words here")
    await kept.talk("b", "same words here")
    assert len(kept.files()) == 2


async def test_a_forged_command_does_not_rename_the_file(kept: Kept) -> None:
    await kept.talk("a", "make me a tree")
    before = kept.files()
    await kept.sessions.change("a", command="tree", ended=True)
    await kept.mirror.flush()
    assert kept.files() == before
    body = json.loads(before[0].read_text())
    assert (body["state"], body["command_generated"]["name"]) == ("completed", "tree")


async def test_what_only_grew_older_is_told_once_and_then_nothing_is_written(kept: Kept) -> None:
    await kept.talk("a", "hello")
    kept.clock.time += 31 * 60
    await kept.mirror.flush()
    assert kept.index()["sessions"][0]["state"] == "idle"
    written = (kept.home / "memory" / "index.json").stat().st_mtime_ns
    await kept.mirror.flush()
    assert (kept.home / "memory" / "index.json").stat().st_mtime_ns == written


async def test_forgotten_is_gone_from_the_files_and_from_the_index(kept: Kept) -> None:
    """Its file once stayed, and a lost sessions.db brought all that was said in it back."""
    await kept.talk("a", "the secret", "is kept")
    await kept.talk("b", "the other")
    (kept.home / "memory" / "sessions").joinpath("mine").mkdir()
    assert await kept.sessions.delete("a")
    await kept.mirror.flush()
    assert "secret" not in "".join(path.read_text() for path in kept.files())
    assert [entry["id"] for entry in kept.index()["sessions"]] == ["b"]
    assert kept.index()["stats"]["total_sessions"] == 1
    await kept.talk("a", "the secret", "again")  # the same id, words and second
    await kept.mirror.flush()
    assert len(kept.files()) == 2


async def test_what_retention_deletes_is_gone_from_the_files_too(kept: Kept) -> None:
    await kept.talk("old", "long ago")
    kept.clock.time += 1000
    await kept.talk("new", "now")
    assert await kept.sessions.age(archive=None, delete=500) == (0, 1)
    await kept.mirror.flush()
    assert [json.loads(path.read_text())["id"] for path in kept.files()] == ["new"]
    assert [entry["id"] for entry in kept.index()["sessions"]] == ["new"]


async def test_a_crash_between_forgetting_and_removing_forgets_all_the_same(kept: Kept) -> None:
    await kept.talk("a", "the secret")
    kept.told = lambda _: None
    await kept.sessions.delete("a")
    again = MemoryMirror(kept.home, kept.sessions, kept.known, kept.clock)
    await again.begin()
    await again.flush()
    assert kept.files() == []
    assert kept.index()["sessions"] == []


async def test_a_turn_that_a_crash_kept_out_of_the_files_comes_at_the_next_start(
    kept: Kept,
) -> None:
    await kept.talk("a", "one")
    kept.told = lambda _: None
    kept.clock.time = (kept.home / "memory" / "index.json").stat().st_mtime + 1
    await kept.sessions.add("a", "assistant", "two")
    again = MemoryMirror(kept.home, kept.sessions, kept.known, kept.clock)
    await again.begin()
    await again.flush()
    (path,) = kept.files()
    assert [m["content"] for m in json.loads(path.read_text())["messages"]] == ["one", "two"]


async def test_what_is_said_while_its_file_is_written_is_written_next(kept: Kept) -> None:
    await kept.talk("a", "one")
    await kept.sessions.add("a", "assistant", "two")
    real = kept.sessions.turns

    async def turns(session: str, *, first: int = 0) -> Any:
        found = await real(session, first=first)
        kept.sessions.turns = real  # type: ignore[method-assign]
        await kept.sessions.add("a", "user", "three")
        return found

    kept.sessions.turns = turns  # type: ignore[method-assign]
    await kept.mirror.flush()
    await kept.mirror.flush()
    assert json.loads(kept.files()[0].read_text())["messages"][-1]["content"] == "three"


async def test_the_statistics_count_all_and_the_index_lists_the_latest(kept: Kept) -> None:
    """They once counted the 500 that are listed."""
    at = kept.clock.now()
    some = [(Session(f"s-{n}", "muse", at, at, command="x" * (n < 3)), ()) for n in range(520)]
    await kept.sessions.put_all(some)
    await kept.mirror.begin()
    kept.mirror.changed("s-0")
    await kept.mirror.flush()
    index = kept.index()
    assert len(index["sessions"]) == 500
    assert (index["stats"]["total_sessions"], index["stats"]["commands_generated"]) == (520, 3)
    assert index["stats"]["active_sessions"] == 520


async def test_an_imported_conversation_has_its_file_and_its_entry(kept: Kept) -> None:
    """`put` once told nobody: the index named a file that was never written."""
    at = kept.clock.now()
    await kept.sessions.put(Session("put", "muse", at, at), [Turn(0, "user", "hi", at)])
    await kept.mirror.flush()
    (entry,) = kept.index()["sessions"]
    assert (kept.home / "memory" / "sessions" / entry["file"]).is_file()


async def test_the_file_names_the_model_that_answered(kept: Kept) -> None:
    await kept.talk("a", "hello", "hi")
    await kept.sessions.change("a", answered="m-1")
    await kept.mirror.flush()
    assert json.loads(kept.files()[0].read_text())["metadata"] == {"model": "m-1"}


@pytest.mark.parametrize(
    ("title", "expected"),
    [("../../etc/passwd now", "etc-passwd-now"), ("", "conversation"), ("Ünï 🐬 X", "n-x")],
)
def test_a_name_is_one_anywhere(title: str, expected: str) -> None:
    assert slug(title) == expected
