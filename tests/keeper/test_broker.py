"""What a companion asks of a daemon that is away for a moment, or breaks off (broker.py)."""

from __future__ import annotations

import fcntl
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.keeper.conftest import Client, Daemon, declaration, until

GOOD = b'{"success":true,"data":{"text":"hello"}}\n'
Serves = Callable[[socket.socket], None]


class Broker:
    """A daemon's socket. Each connection is served by the next of `serves`, the last for ever."""

    def __init__(self, path: Path) -> None:
        self.asked: list[bytes] = []
        self.came = 0
        self.serves: list[Serves] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        self._listener.listen()
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def says(self, reply: bytes) -> Serves:
        """Read the question, say that, close."""

        def serve(line: socket.socket) -> None:
            with line.makefile("rb") as file:
                self.asked.append(file.readline())
            line.sendall(reply)

        return serve

    def _run(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                line, _ = self._listener.accept()
                with line:
                    self.came += 1
                    self.serves[min(self.came, len(self.serves)) - 1](line)


@pytest.fixture
def client(daemon: Daemon, run: Path) -> Iterator[Client]:
    """A kept connection to a companion that has answered already."""
    one = Client(daemon.ask("declare", **declaration(run, "kept"))["unit"]["port"])
    one.say({"type": "ping"})
    yield one
    one.close()


@contextmanager
def serving(run: Path, *replies: bytes | Serves) -> Iterator[Broker]:
    """The broker is there; `replies` are said to one question each."""
    broker = Broker(run / "nobody.sock")
    broker.serves = [broker.says(each) if isinstance(each, bytes) else each for each in replies]
    broker.begin()
    try:
        yield broker
    finally:
        broker.close()


def refuses(line: socket.socket) -> None:
    """Close with the question unread, as a daemon that stops does with who waits to be accepted."""
    until(lambda: line.recv(1, socket.MSG_PEEK), "it was asked")


def ask(client: Client, text: str = "hi") -> None:
    client.sock.sendall(json.dumps({"content": text}).encode() + b"\n")


def test_a_daemon_that_comes_back_soon_is_waited_for(client: Client, run: Path) -> None:
    """A chat in the 0.7 s of a restart was told that p42 does not run."""
    ask(client)
    assert client.say({"type": "ping"})["type"] == "pong"  # nobody waits with it
    with serving(run, GOOD) as broker:
        assert client.hear()["content"] == "hello"
        assert client.say({"type": "ping"})["type"] == "pong"  # one answer
        assert len(broker.asked) == 1


def test_a_daemon_that_does_not_come_back_is_told_of(client: Client) -> None:
    began = time.monotonic()
    ask(client)
    assert "p42 is not running" in client.hear()["error"]
    assert 2 < time.monotonic() - began < 10


def test_a_daemon_that_is_on_its_way_is_waited_for_longer(client: Client, run: Path) -> None:
    """It holds the home's lock long before it listens."""
    with (run / "p42.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ask(client)
        client.sock.settimeout(3.6)
        with pytest.raises(TimeoutError):
            client.sock.recv(1, socket.MSG_PEEK)
        client.sock.settimeout(10)
        with serving(run, GOOD):
            assert client.hear()["content"] == "hello"


def test_what_nobody_has_read_is_asked_again(client: Client, run: Path) -> None:
    with serving(run, refuses, refuses, GOOD) as broker:
        ask(client)
        assert client.hear()["content"] == "hello"
        assert (broker.came, len(broker.asked)) == (3, 1)


def test_what_was_not_sent_in_full_is_asked_again(client: Client, run: Path) -> None:
    """The daemon went after the first of half a million bytes."""

    def first(line: socket.socket) -> None:
        line.recv(10_000)

    with serving(run, first, GOOD) as broker:
        ask(client, "x" * 500_000)
        assert client.hear()["content"] == "hello"
        assert (broker.came, len(broker.asked)) == (2, 1)


@pytest.mark.parametrize("reply", [b"", b'{"success":true,"da'])
def test_what_was_taken_is_never_asked_twice(client: Client, run: Path, reply: bytes) -> None:
    with serving(run, reply, GOOD) as broker:
        ask(client)
        assert client.hear()["error"] == "p42 went away while it was thinking; ask again"
        assert client.say({"type": "ping"})["type"] == "pong"
        assert broker.came == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"not json\n", b"\n", b"[1]\n", b"null\n", b'{"success":true}\n', b"\xff\n",
        b'{"success":true,"data":[]}\n', b'{"success":true,"data":{"text":3}}\n',
        b"[" * 200_000 + b"\n", b"9" * 5000 + b"\n", b"x" * 5_000_000,
    ],
    ids=lambda reply: reply[:12].decode(errors="replace"),
)  # fmt: skip
def test_a_broken_reply_ends_one_answer_and_no_companion(
    daemon: Daemon, client: Client, run: Path, reply: bytes
) -> None:
    pid = daemon.unit("ProjectCI/kept")["pid"]

    def says(line: socket.socket) -> None:
        with suppress(OSError):  # it has heard enough
            broker.says(reply)(line)

    with serving(run, says, GOOD) as broker:
        ask(client)
        assert "cannot be read" in client.hear()["error"]
        ask(client)
        assert client.hear()["content"] == "hello"
    assert daemon.unit("ProjectCI/kept")["pid"] == pid


def test_what_the_daemon_says_before_it_has_heard_all_is_told(client: Client, run: Path) -> None:
    def too_long(line: socket.socket) -> None:
        line.recv(10_000)
        line.sendall(b'{"id":"error","success":false,"error":"a request is at most 1 MiB"}\n')

    with serving(run, too_long) as broker:
        ask(client, "x" * 500_000)
        assert client.hear()["error"] == "a request is at most 1 MiB"
        assert broker.came == 1
