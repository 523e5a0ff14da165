"""Who asks over TCP is looked for when it matters, all at once, and nobody found is a refusal."""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from p42.api.verbs import VERBS
from p42.gateway.callers import UNTOLD, Callers, choosing
from p42.gateway.control import MAY
from p42.gateway.dispatch import Dispatch
from p42.gateway.door import Door
from p42.gateway.limits import Deadlines, Limits
from p42.gateway.unsure import UNKNOWN, Everyone, Unsure
from p42.keeper.lineage import holders
from p42.keeper.peer import peer_of, tells_owners
from p42.model.ports import World
from p42.model.verb import Door as Where
from p42.model.verb import Effect, Verb
from p42.runtimes import standing
from p42.runtimes.keeping.link import KeeperLink
from p42.runtimes.standing import Standing
from p42.wire.port42 import Request
from tests.doors.conftest import Client
from tests.doors.verbs import Gate, Text, table

pytestmark = pytest.mark.skipif(not tells_owners(), reason="this system shows no socket's owner")

TALK = {"type": "talk", "id": "t", "payload": {"text": "hi"}}
ECHO = {"type": "echo", "id": "e", "payload": {"text": "hi"}}


class Seen(Everyone):
    """Counts the looks."""

    def __init__(self) -> None:
        self.pids: list[int] = []

    def look(self, pid: int) -> Callable[[], str]:
        self.pids.append(pid)
        return super().look(pid)


@asynccontextmanager
async def gateway(home: Path, tells: Any) -> AsyncIterator[int]:
    """A door as the gateway's; its port."""
    world = World(home=home, clock=None)  # type: ignore[arg-type] # no verb here reads it
    dispatch = Dispatch(world, Where.GATEWAY, table(Gate()))
    with socket.create_server(("127.0.0.1", 0)) as listener, choosing(dispatch, tells) as chooses:
        door = Door(dispatch, Limits(deadlines=Deadlines()), admits=lambda _: True,
                    chooses=chooses)  # fmt: skip
        running = asyncio.ensure_future(door.run(listener))
        yield listener.getsockname()[1]
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection: the client's, and what was accepted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        with near, listener.accept()[0] as accepted:
            yield near, accepted


@contextmanager
def callers(tells: Any) -> Iterator[Callers]:
    with ThreadPoolExecutor(1) as thread:
        yield Callers(tells, thread)


async def test_a_person_is_looked_for_once_and_not_for_what_is_open(tmp_path: Path) -> None:
    seen = Seen()
    async with gateway(tmp_path, seen) as port, client(port) as asking:
        for _ in range(3):
            assert (await asking.ask(ECHO))["success"]
            assert "Unknown" in (await asking.ask({"type": "no such"}))["error"]
        assert seen.pids == []
        for _ in range(3):
            assert (await asking.ask(TALK))["data"] == {"text": "hi"}
        assert seen.pids == [os.getpid()]


async def test_one_look_answers_all_who_wait_when_it_begins() -> None:
    seen = Seen()
    with callers(seen) as asked, ExitStack() as held:
        ends = [held.enter_context(pair())[1] for _ in range(40)]
        assert await asyncio.gather(*map(asked.why_not, ends)) == [""] * 40
        assert seen.pids == [os.getpid()] * 2, "the first alone, and then all who came meanwhile"


async def test_who_hung_up_while_it_was_looked_for_takes_nobody_along() -> None:
    with callers(Seen()) as asked, ExitStack() as held:
        ends = [held.enter_context(pair())[1] for _ in range(10)]
        waiting = [asyncio.ensure_future(asked.why_not(end)) for end in ends]
        await asyncio.sleep(0)
        for each in (waiting[0], waiting[5]):
            each.cancel()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [told[n] for n in range(10) if n not in (0, 5)] == [""] * 8


async def test_who_has_closed_its_end_is_nobody() -> None:
    with callers(Seen()) as asked, pair() as (near, accepted):
        near.close()
        assert await asked.why_not(accepted) == UNTOLD


async def test_what_only_a_message_on_its_way_holds_is_nobodys() -> None:
    with callers(Seen()) as asked, pair() as (near, accepted):
        here, there = socket.socketpair()
        with here, there:
            number = array.array("i", [near.fileno()]).tobytes()
            here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, number)])
            near.close()
            peer = peer_of(accepted)
            assert peer is not None
            assert peer.uid == os.geteuid()
            assert await asked.why_not(accepted) == UNTOLD


async def test_more_files_than_can_be_looked_at_are_nobodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("p42.keeper.lineage.MOST", 3)
    with callers(Seen()) as asked, pair() as (_, accepted):
        assert await asked.why_not(accepted) == UNTOLD


async def test_without_a_thread_to_be_had_nobody_is_told_and_the_door_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(*_: Any) -> Any:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", none)
    async with gateway(tmp_path, Seen()) as port, client(port) as asking:
        assert (await asking.ask(TALK))["error"] == f"talk {UNTOLD}"
        assert (await asking.ask(ECHO))["success"]
    assert "can't start new thread" in caplog.text


async def test_every_process_that_holds_it_is_found() -> None:
    with pair() as (near, accepted):
        peer = peer_of(accepted)
        assert peer is not None
        argv, fd = ["sleep", "600"], near.fileno()
        with subprocess.Popen(argv, pass_fds=[fd]) as one, subprocess.Popen(argv) as other:
            try:
                found = holders([peer.inode, 0])
            finally:
                one.kill()
                other.kill()
        assert sorted(found[peer.inode]) == sorted([os.getpid(), one.pid])
        assert found[0] == []


async def test_while_the_keeper_is_unknown_nothing_private_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "PATIENCE", 0.02)
    link = KeeperLink(tmp_path / "run", grace=5.0)
    async with gateway(tmp_path, Standing(link)) as port, client(port) as asking:
        assert (await asking.ask(ECHO))["success"]
        assert (await asking.ask(TALK))["error"] == UNKNOWN
        running = asyncio.ensure_future(link.run())
        assert await link.ready(10)
        assert (await asking.ask(TALK))["success"], "it was not held against it"
        await link.end()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@pytest.mark.looptime
async def test_nor_is_it_read_on_the_control_socket(tmp_path: Path) -> None:
    told = Verb("told", "", Text, dict, Effect.READ, frozenset(Where), VERBS["ping"].do,
                private=True)  # fmt: skip
    verbs, sent = {**table(Gate()), "told": told}, list[Any]()
    world = World(home=tmp_path, clock=None)  # type: ignore[arg-type] # no verb here reads it
    by_word = {word: Dispatch(world, Where.CONTROL, verbs, forbids=MAY[word]) for word in MAY}

    async def send(line: bytes) -> None:
        sent.append(json.loads(line))

    tells = Standing(KeeperLink(tmp_path / "run", grace=5.0))
    unsure = Unsure(by_word, tells.look(os.getppid()), tells.known)
    await unsure.answer(Request("echo", "e", {"text": "hi"}, given=True), send)
    assert asyncio.get_running_loop().time() == 0.0
    await unsure.answer(Request("told", "t", {"text": "hi"}, given=True), send)
    assert [each["success"] for each in sent] == [True, False]
    assert sent[1]["error"] == UNKNOWN


AS_NOBODY = """
import asyncio, ctypes, encodings.idna, os, socket, sys
from concurrent.futures import ThreadPoolExecutor
from p42.gateway.callers import UNTOLD, Callers
from p42.gateway.unsure import Everyone
prctl = ctypes.CDLL(None).prctl

def connects(*, dumpable, root=False):
    ready, told = os.pipe()
    pid = os.fork()
    if not pid:
        if not root:
            os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1]))
        prctl(4, dumpable, 0, 0, 0)
        door = socket.create_connection(listener.getsockname())
        os.write(told, b"x")
        os.close(held)
        os.read(over, 1)
        os._exit(0)
    os.read(ready, 1)
    return listener.accept()[0]

listener, (over, held) = socket.create_server(("127.0.0.1", 0)), os.pipe()
root, shown, hidden = connects(dumpable=1, root=True), connects(dumpable=1), connects(dumpable=0)
os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1]))

async def main():
    with ThreadPoolExecutor(1) as thread:
        callers = Callers(Everyone(), thread)
        assert await callers.why_not(root) == ""
        assert await callers.why_not(shown) == ""
        assert await callers.why_not(hidden) == UNTOLD

asyncio.run(main())
print("done")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_users_daemon_hears_root_and_not_who_hides_what_it_has_open() -> None:
    nobody = pwd.getpwnam("nobody")
    argv = [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", AS_NOBODY]
    done = subprocess.run([*argv, str(nobody.pw_uid), str(nobody.pw_gid)], check=False,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.stdout == "done\n", done.stderr


def test_what_a_program_of_p42s_may_ask_is_a_list() -> None:
    """Whoever adds a verb thinks of it: it tells nothing of people and acts for none."""
    open_ = {"status", "list", "ping", "overview", "get", "table", "watch", "tree", "events",
             "wait"}  # fmt: skip
    dispatch = Dispatch(World(home=Path(), clock=None), Where.GATEWAY)  # type: ignore[arg-type]
    assert {name for name in dispatch.names if dispatch.is_open(name)} == open_
    allowed = {name for name, verb in VERBS.items() if not MAY["program"](verb)}
    assert allowed <= open_ | {
        "account.check", "answer", "approvals", "complete", "config", "diff", "doctor",
        "forge.into", "manifest", "models.list", "reconcile", "top", "usage",
    }  # fmt: skip
