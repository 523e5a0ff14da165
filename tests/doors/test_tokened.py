"""`gateway.auth = token`: every request on the gateway shows a token, and that goes no further."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from p42.gateway.tokened import HOW, Book, Tokened
from p42.stores.state.database import Database
from p42.stores.tokens import SqliteTokens
from p42.web.holds import Holds
from p42.wire.port42 import Framer
from tests.doors.conftest import OPEN, Opened
from tests.doors.daemons import PATIENCE, Daemon, running
from tests.doors.vendor import account, agent, vendor
from tests.providers.vendors.script import Say
from tests.stores.timepiece import Timepiece

LIFE = 3600.0  # s


class Place:
    """An open door, and the tokens that it asks for."""

    def __init__(self, opened: OPEN, database: Database) -> None:
        self.clock, holds = Timepiece(), Holds()
        self.tokens = SqliteTokens(database, clock=self.clock)
        self.tokens.tell(holds.end)
        self._book, self._opened = Book(self.tokens, holds, self.clock), opened

    def door(self) -> AbstractAsyncContextManager[Opened]:
        return self._opened(before=lambda dispatch: Tokened(dispatch, self._book))

    async def make(self, *scopes: str, lifetime: float | None = None) -> tuple[str, str]:
        """Id and secret."""
        token, secret = await self.tokens.create(name="x", scopes=scopes, lifetime=lifetime)
        return token.id, secret


@pytest.fixture
def place(opened: OPEN, tmp_path: Path) -> Iterator[Place]:
    with Database.open(tmp_path) as database:
        yield Place(opened, database)


async def test_without_a_token_nothing_is_done_and_the_reply_says_what_to_do(place: Place) -> None:
    async with place.door() as door, door.client() as client:
        for kind in ("hold", "no such verb"):
            reply = await client.ask({"type": kind, "id": "1"})
            assert (reply["id"], reply["success"], reply["code"]) == ("1", False, 1)
            assert HOW in reply["error"]
            assert '"token"' in reply["error"]
        assert door.gate.asked == 0


@pytest.mark.parametrize("shown", ["", "p42_", "x" * 70, 7, None, ["p42"], {"a": 1}])
async def test_what_is_no_token_opens_nothing_and_keeps_the_connection(
    place: Place, shown: Any
) -> None:
    _, secret = await place.make("read")
    async with place.door() as door, door.client() as client:
        assert HOW in (await client.ask({"type": "hold", "token": shown}))["error"]
        assert (await client.ask({"type": "echo", "token": secret}))["success"]
        assert door.gate.asked == 0


async def test_each_request_shows_its_own(place: Place) -> None:
    _, secret = await place.make("read")
    async with place.door() as door, door.client() as client:
        assert (await client.ask({"type": "echo", "Token": secret}))["success"]
        assert not (await client.ask({"type": "echo"}))["success"]


@pytest.mark.parametrize(
    ("scopes", "kind", "may"),
    [
        (["read"], "echo", True), (["read"], "talk", False), (["agents"], "talk", True),
        (["agents"], "echo", False), (["read", "agents"], "talk", True), (["write"], "echo", True),
        (["write"], "talk", False), (["admin"], "talk", True), (["events"], "echo", False),
    ],
)  # fmt: skip
async def test_the_verbs_effect_decides_the_scope(
    place: Place, scopes: list[str], kind: str, may: bool
) -> None:
    _, secret = await place.make(*scopes)
    async with place.door() as door, door.client() as client:
        reply = await client.ask({"type": kind, "token": secret})
        assert reply["success"] is may
        if not may:
            assert reply["error"] == (
                f"this token has no scope {'read' if kind == 'echo' else 'agents'}, which {kind} "
                f"needs; {HOW} makes one"
            )


async def test_revoked_and_expired_ones_are_refused_and_end_what_they_have_open(
    place: Place,
) -> None:
    name, revoked = await place.make("read")
    _, short = await place.make("read", lifetime=LIFE)
    async with place.door() as door, door.client() as client:
        await client.send({"type": "watch", "id": "w", "stream": True, "token": revoked})
        assert (await client.line())["stream"] == {"watching": True}
        await door.gate.held.acquire()
        await place.tokens.revoke(name)
        reply = await client.line()
        assert (reply["id"], reply["success"]) == ("w", False)
        assert "revoked" in reply["error"]
        assert door.gate.cancelled.is_set()
        assert not (await client.ask({"type": "echo", "token": revoked}))["success"]
        assert (await client.ask({"type": "echo", "token": short}))["success"]
        place.clock.at += LIFE
        assert "expired" in (await client.ask({"type": "echo", "token": short}))["error"]


async def test_a_childs_token_is_for_models_alone(place: Place) -> None:
    secret = await place.tokens.mint("agent/muse")
    async with place.door() as door, door.client() as client:
        reply = await client.ask({"type": "echo", "token": secret})
        assert reply["error"] == "the token of agent/muse is for asking models alone"


async def test_use_is_noted(place: Place) -> None:
    _, secret = await place.make("read")
    assert place.tokens.all()[0].last_used is None
    async with place.door() as door, door.client() as client:
        await client.ask({"type": "echo", "token": secret})
    assert place.tokens.all()[0].last_used is not None


async def test_a_bug_behind_it_is_told_without_the_token(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    _, secret = await place.make("read")
    with caplog.at_level(logging.DEBUG):
        async with place.door() as door, door.client() as client:
            reply = await client.ask({"type": "bug", "id": "x", "token": secret})
            assert "bug in p42" in reply["error"]
            await client.ask({"type": "echo", "payload": 7, "token": secret})
    assert "ZeroDivisionError" in caplog.text
    assert secret not in caplog.text


def test_a_request_does_not_show_its_token() -> None:
    (request,) = Framer().feed(b'{"type":"ping","token":"p42_secret"}')
    assert "secret" not in repr(request)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    root = tmp_path_factory.mktemp("tokened")
    with vendor(lambda _: Say("hello")) as model:
        account(root / "m", model.url)
        agent(root / "m", "muse")
        with running(root / "home", P42_GATEWAY_AUTH="token") as started:
            started.ask("apply", paths=[str(root / "m")], timeout=PATIENCE)
            yield started


def say(daemon: Daemon, kind: str, **further: Any) -> Any:
    return json.loads(daemon.say(json.dumps({"type": kind, "id": "s1", **further}).encode()))


def test_a_daemons_gateway_is_open_to_tokens_and_its_control_socket_needs_none(
    daemon: Daemon,
) -> None:
    (check,) = [c for c in daemon.ask("doctor")["checks"] if c["check"] == "gateway"]
    assert check["level"] == "ok"
    assert daemon.ask("ping") == {}
    for kind in ("status", "list", "ping", "possess", "memory", "end", "get"):
        assert HOW in say(daemon, kind)["error"]
    made = daemon.ask("token.create", scopes=["read", "agents"])
    said = {"agent": "@ai-muse", "message": "hi"}
    assert say(daemon, "status", token=made["token"])["data"]["status"] == "swimming"
    assert say(daemon, "possess", payload=said, token=made["token"])["data"]["message"] == "hello"
    assert say(daemon, "end", token=made["token"])["success"]
    (shown,) = [t for t in daemon.ask("token.list")["items"] if t["id"] == made["id"]]
    assert shown["lastUsed"]
    daemon.ask("token.revoke", id=made["id"])
    assert "revoked" in say(daemon, "status", token=made["token"])["error"]


def test_what_was_shown_stands_nowhere(daemon: Daemon) -> None:
    """Not in logs, journal, sessions, their mirror, or any other file of the home."""
    secret = daemon.ask("token.create", scopes=["read", "agents"])["token"]
    said = {"agent": "@ai-muse", "message": "and again"}
    assert say(daemon, "possess", payload=said, token=secret)["success"]
    assert not say(daemon, "possess", payload=7, token=secret)["success"]
    assert not say(daemon, "no such verb", token=secret)["success"]
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) as door:
        door.sendall(json.dumps({"type": "ping", "token": secret}).encode() + b" nonsense")
        assert b"Invalid JSON" in b"".join(iter(lambda: door.recv(4096), b""))
    daemon.stop()
    assert any(path.name == "state.db" for path in daemon.home.iterdir())
    hidden = secret[18:38].encode()
    for path in daemon.home.rglob("*"):
        assert not path.is_file() or hidden not in path.read_bytes(), path


async def test_a_page_that_posts_reaches_nothing_even_with_a_token(place: Place) -> None:
    _, secret = await place.make("read", "agents")
    async with place.door() as door, door.client() as client:
        body = json.dumps({"type": "hold", "token": secret}).encode()
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + body)
        assert await client.rest() == b""
        async with asyncio.timeout(10):
            await door.door.empty.wait()
        assert door.gate.asked == 0
