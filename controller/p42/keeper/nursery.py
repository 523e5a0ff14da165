"""Nursery: the keeper's end of the zygote: started when first needed, again when it died."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence

from p42.keeper import spawn
from p42.keeper.channel import Channel
from p42.keeper.children import Child, Children
from p42.keeper.frames import Message
from p42.keeper.reactor import Reactor

ID = "zygote"  # no unit can have this name: theirs are Kind/name

Born = Callable[[int], None]


class Nursery:
    """Fork requests in, pids out, in order. A zygote that dies fails what it had been asked."""

    def __init__(self, reactor: Reactor, children: Children, argv: Sequence[str]) -> None:
        self._reactor, self._children, self._argv = reactor, children, tuple(argv)
        self._channel: Channel | None = None
        self._pending: dict[str, Born] = {}

    @property
    def busy(self) -> bool:
        """Whether a fork is on its way that nobody has told us the pid of."""
        return bool(self._pending)

    def fork(self, token: str, message: Message, fds: Sequence[int], *, born: Born) -> None:
        """Ask for a child; `born(pid)` when it waits for its "run", `born(0)` if none came."""
        self._pending[token] = born
        if self._channel is None or not self._channel.open:
            self._channel = self._begin()
        self._channel.send({**message, "token": token}, fds)

    def replace(self) -> None:
        """Let go of the zygote; the next fork starts a new one. Its children are not its own."""
        if self._channel is not None:
            self._channel.close()

    def _begin(self) -> Channel:
        ours, theirs = socket.socketpair()
        null = os.open(os.devnull, os.O_RDWR)
        os.set_inheritable(theirs.fileno(), True)
        env = {"PATH": os.environ.get("PATH", os.defpath)}
        # The link is descriptor 0 of the zygote: it needs no other, and 3 and up are closed.
        pid = spawn.start(
            spawn.Program(self._argv, env, limits=spawn.Limits(files=4096)),
            stdin=theirs.fileno(), stdout=null, stderr=2,
        )  # fmt: skip
        os.close(null)
        theirs.close()
        self._children.add(Child(ID, pid, ""))
        return Channel(self._reactor, ours, heard=self._heard, gone=self._gone)

    def _heard(self, message: Message, fds: list[int]) -> None:
        for fd in fds:
            os.close(fd)
        if message.get("op") == "forked":
            born = self._pending.pop(message["token"], None)
            if born is not None:
                born(message["pid"])

    def _gone(self) -> None:
        for child in self._children.find(ID):
            self._children.stop(child)
        pending, self._pending = self._pending, {}
        for born in pending.values():
            born(0)
