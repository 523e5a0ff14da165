"""memory/ says what sessions.db says, in the original's shape, and is read in again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from p42.model.plan import Instant
from p42.stores.memoryimport import conversations
from p42.stores.memorymirror import MemoryMirror, slug
from p42.stores.sessionfile import SessionFile
from p42.stores.sessions import SqliteSessions
from tests.talk.test_sessions import Noon


class Kept:
    """Sessions and their mirror, on one clock."""

    def __init__(self, home: Path, file: SessionFile) -> None:
        self.home, self.clock = home, Noon()
        self.clock.time = 1_795_252_811.5
        self.sessions = SqliteSessions(file, self.clock)
        self.mirror = MemoryMirror(home, self.sessions, self.clock)

    async def talk(self, session: str, *texts: str, agent: str = "muse") -> None:
        await self.sessions.begin(session, agent, title=texts[0])
        for number, text in enumerate(texts):
            await self.sessions.add(session, ("user", "assistant")[number % 2], text)  # type: ignore[arg-type]
        self.mirror.changed(session)
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
    kept.mirror.changed("a")
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


async def test_what_is_mirrored_reads_in_again(kept: Kept, tmp_path: Path) -> None:
    await kept.talk("a", "one", "two")
    ((session, turns),) = conversations(tmp_path)
    assert (session.id, session.agent, session.title) == ("a", "muse", "one")
    assert [turn.content for turn in turns] == ["one", "two"]
    assert session.created == pytest.approx(kept.clock.time)


def test_an_originals_files_read_in_with_all_their_oddities(tmp_path: Path) -> None:
    day = tmp_path / "memory" / "sessions" / "2025-07-17"
    day.mkdir(parents=True)
    first = {
        "id": "cli-1", "agent": "@ai-muse", "state": "active",
        "created_at": "2026-11-21T09:20:11.835930414Z", "updated_at": "2026-11-21T09:20:12Z",
        "last_activity": "0001-01-01T00:00:00Z",
        "messages": [{"role": "user", "content": "q", "timestamp": "2026-11-21T09:20:11Z"}],
        "metadata": {"model": "m"},
    }  # fmt: skip
    later = {
        **first, "updated_at": "2026-11-21T10:20:12+01:00", "state": "completed",
        "command_generated": {"name": "tree", "created_at": "", "path": ""},
        "messages": [*first["messages"], {"role": "system", "content": "x"}],  # type: ignore[misc]
    }  # fmt: skip
    (day / "session-1-hello,-creating-a.json").write_text(json.dumps(first))
    (day / "session-1-tree.json").write_text(json.dumps(later))
    (day / "session-2-broken.json").write_text("{")
    (day / "session-3-list.json").write_text("[]")
    ((session, turns),) = conversations(tmp_path)
    assert (session.id, session.agent, session.command, session.ended) == (
        "cli-1", "muse", "tree", True,
    )  # fmt: skip
    assert [turn.role for turn in turns] == ["user"]
    assert turns[0].at == Instant(1795252811.0)


@pytest.mark.parametrize(
    ("title", "expected"),
    [("../../etc/passwd now", "etc-passwd-now"), ("", "conversation"), ("Ünï 🐬 X", "n-x")],
)
def test_a_name_is_one_anywhere(title: str, expected: str) -> None:
    assert slug(title) == expected
