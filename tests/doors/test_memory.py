"""What is remembered, through the doors: all of it is counted, and what is forgotten is gone."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from p42.model.errors import InvalidInput
from p42.model.plan import Instant
from p42.model.session import Session
from p42.runtimes.clock import SystemClock
from p42.stores.sessions.file import SessionFile
from p42.stores.sessions.sessions import SqliteSessions
from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent, vendor
from tests.providers.vendors.script import Say, Status

OLD = {
    "id": "cli-1", "agent": "@ai-muse", "state": "active", "created_at": "2025-07-17T09:20:11Z",
    "updated_at": "2025-07-17T09:20:12Z", "metadata": {"model": "m"},
    "messages": [{"role": "user", "content": "an old story", "timestamp": "soon"}],
}  # fmt: skip


def script(seen: Any) -> Any:
    last = seen.body["messages"][-1]["content"]
    if seen.body["model"] == "bad":
        return Status(404)
    return Say("word " * 100, hold=asyncio.Event(), after=51) if last == "long" else Say("Yes.")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("memory")
    with vendor(script) as server:
        account(made / "m", server.url)
        agent(made / "m", "muse")
        yield made


def possess(daemon: Daemon, session: str, message: str, **more: Any) -> Any:
    payload = {"agent": "@ai-muse", "message": message, **more}
    line = daemon.say(json.dumps({"type": "possess", "id": session, "payload": payload}).encode())
    return json.loads(line)


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def put(home: Path, name: str, body: Any) -> Path:
    path = home / "memory" / "sessions" / "2025-07-17" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    return path


def memory(daemon: Daemon) -> Any:
    line = daemon.say(b'{"type":"memory","id":"t3"}')
    assert len(line) <= 4096
    return json.loads(line)["data"]


async def _fill(home: Path, count: int, *, last: float) -> None:
    home.mkdir(parents=True)
    file = SessionFile(home)
    at = Instant(last)
    some = [(Session(f"s-{n}", "muse", at, Instant(last + n / 1e3)), ()) for n in range(count)]
    await SqliteSessions(file, SystemClock()).put_all(some)
    file.close()


@pytest.mark.parametrize("rested", [0.0, 86_400.0])
def test_the_latest_are_listed_active_or_not_and_all_are_counted(
    tmp_path: Path, rested: float
) -> None:
    """Active ones once filled the reply; the original's command line reads the recent ones alone,
    and so found no conversation to go on with."""
    home = tmp_path / "home"
    asyncio.run(_fill(home, 1248, last=time.time() - rested - 5))
    with running(home) as daemon:
        told = memory(daemon)
        until(lambda: (home / "memory" / "index.json").exists())
    listed = [each["id"] for each in told["recent_sessions"]]
    assert listed == [f"s-{1247 - n}" for n in range(len(listed))]
    assert len(listed) > 4
    active = [each["id"] for each in told["active_sessions"]]
    assert active == (listed[: len(active)] if not rested else [])
    assert rested or len(active) > 4
    assert told["stats"]["total_sessions"] == 1248
    assert told["active_count"] == told["stats"]["active_sessions"] == (0 if rested else 1248)
    index = json.loads((home / "memory" / "index.json").read_text())
    assert (index["stats"]["total_sessions"], len(index["sessions"])) == (1248, 500)


def test_a_bad_file_ends_no_start_and_is_found_in_the_events(root: Path) -> None:
    """It once did, named no file, and at the next start the others were never read."""
    home = root / "imports"
    put(home, "session-0-bad.json", {**OLD, "id": "a\nb"})
    put(home, "session-1-old.json", OLD)
    with running(home) as daemon:
        assert [each["id"] for each in daemon.ask("session.list")["items"]] == ["cli-1"]
        events = daemon.ask("events")["items"]
    told = [each["message"] for each in events if each["reason"] == "NotReadIn"]
    assert [each.partition(" was")[0] for each in told] == [
        "memory/sessions/2025-07-17/session-0-bad.json"
    ]
    put(home, "session-2-later.json", {**OLD, "id": "cli-2"})
    with running(home) as daemon:
        ids = {each["id"] for each in daemon.ask("session.list")["items"]}
        assert ids == {"cli-1", "cli-2"}


def test_forgotten_is_forgotten_in_the_files_and_after_the_database_is_lost(root: Path) -> None:
    home = root / "forgets"
    sessions = home / "memory" / "sessions"
    with running(home) as daemon:
        daemon.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
        for name in ("kept", "secret"):
            assert possess(daemon, name, f"the {name} story")["success"]
        until(lambda: len(list(sessions.glob("*/*.json"))) == 2)
        daemon.ask("session.delete", session="secret")
        until(lambda: len(list(sessions.glob("*/*.json"))) == 1)
        until(lambda: "secret" not in (home / "memory" / "index.json").read_text())
    (home / "sessions.db").write_bytes(b"no database at all" * 1000)
    with running(home) as daemon:
        assert [each["id"] for each in daemon.ask("session.list")["items"]] == ["kept"]


@pytest.fixture(scope="module")
def daemon(root: Path) -> Iterator[Daemon]:
    with running(root / "home") as started:
        started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
        yield started


def test_a_session_deleted_while_it_is_answered_says_so(daemon: Daemon) -> None:
    request = {"type": "possess", "id": "cut", "stream": True,
               "payload": {"agent": "muse", "message": "long"}}  # fmt: skip
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) as door:
        door.sendall(json.dumps(request).encode())
        lines = door.makefile("rb")
        assert "stream" in json.loads(lines.readline())
        daemon.ask("session.delete", session="cut")
        last = [json.loads(line) for line in lines][-1]
        lines.close()
    assert not last["success"]
    assert "session cut was deleted while it was answered" in last["error"]


def test_a_mistyped_model_is_named_and_forgotten_and_an_empty_one_is_the_agents(
    daemon: Daemon,
) -> None:
    wrong = possess(daemon, "m", "hello", model="bad")
    assert not wrong["success"]
    assert "the model asked for was 'bad'" in wrong["error"]
    assert possess(daemon, "m", "hello")["success"]
    assert possess(daemon, "m", "hello", model="m-2")["success"]
    assert daemon.ask("session.export", session="m")["model"] == "m-2"
    assert possess(daemon, "m", "hello", model="")["success"]
    assert daemon.ask("session.export", session="m")["model"] == ""


@pytest.mark.parametrize("name", ["x" * 5000, "a\nb", "\x1b]0;x\x07"])
def test_an_agents_name_is_bounded(daemon: Daemon, name: str) -> None:
    reply = possess(daemon, "n", "hello", agent=name)
    assert (reply["id"], reply["success"]) == ("n", False)
    assert "is no agent's name" in reply["error"]
    assert len(reply["error"]) < 500


def test_a_session_in_milliseconds_is_refused_and_the_daemon_goes_on(daemon: Daemon) -> None:
    possess(daemon, "ok", "hello")
    whole = daemon.ask("session.export", session="ok")
    with pytest.raises(InvalidInput):
        daemon.ask("session.import", session={**whole, "id": "ms", "last": 1_795_252_811_500.0})
    assert possess(daemon, "ok", "again")["success"]


def test_sessions_in_milliseconds_that_are_there_end_nothing(root: Path) -> None:
    home = root / "odd"
    with running(home) as daemon:
        daemon.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
        possess(daemon, "odd", "hello")

    async def spoil() -> None:
        file = SessionFile(home)
        await file.do(lambda db: db.execute("UPDATE sessions SET created = 1e300, last = 1.7e12"))
        await file.do(lambda db: db.execute("UPDATE turns SET at = 1e18"))
        file.close()

    asyncio.run(spoil())
    with running(home) as daemon:
        (listed,) = daemon.ask("session.list")["items"]
        assert listed["lastActivity"] == "2023-11-14T22:13:20Z"
        daemon.ask("wait", refs=["account/main"], timeout=PATIENCE, **{"for": "Ready"})
        assert possess(daemon, "odd", "hello")["success"]
        assert possess(daemon, "odd", "hello")["success"]
        time.sleep(1.2)  # the mirror has had its turn
        assert daemon.process.poll() is None
        assert daemon.ask("session.show", session="odd")["messages"][0]["at"]
