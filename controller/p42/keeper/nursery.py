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

FILES = 4096  # descriptors; what a child of it may have at most
ID = "zygote"  # no unit can have this name: theirs are Kind/name

Born = Callable[[int], None]


class Nursery:
    """Fork requests in, pids out, in order. A zygote that dies fails what it had been asked."""

    def __init__(self, reactor: Reactor, children: Children, argv: Sequence[str]) -> None:
        self._reactor, self._children, self._argv = reactor, children, tuple(argv)
        self._channel: Channel | None = None
        self._pending: dict[str, Born] = {}
        self._code = ""

    @property
    def busy(self) -> bool:
        """Whether a fork is on its way that nobody has told us the pid of."""
        return bool(self._pending)

    def fork(self, token: str, message: Message, fds: Sequence[int], *, born: Born) -> None:
        """Ask for a child; `born(pid)` when it waits for its "run", `born(0)` if none came.

        OSError when there is no process or descriptor left; `born` is not called then.
        """
        if self._channel is None or not self._channel.open:
            self._channel = self._begin()
        self._pending[token] = born
        try:
            self._channel.send({**message, "token": token}, fds)
        except OSError:
            del self._pending[token]
            raise

    def warm(self, code: str) -> None:
        """Have a zygote of this code; one of another code is let go. OSError as of `fork`."""
        if self._channel is not None and self._channel.open:
            if code == self._code:
                return
            self.replace()
        self._code = code
        self._channel = self._begin()

    def replace(self) -> None:
        """Let go of the zygote; the next fork starts a new one. Its children are not its own."""
        if self._channel is not None:
            self._channel.close()

    def _begin(self) -> Channel:
        ours, theirs = socket.socketpair()
        env = {"PATH": os.environ.get("PATH", os.defpath)}
        # The link is descriptor 0 of the zygote: it needs no other, and 3 and up are closed.
        try:
            with theirs, open(os.devnull, "r+b", buffering=0) as null:  # noqa: PTH123
                pid = spawn.start(
                    spawn.Program(self._argv, env, limits=spawn.Limits(files=FILES)),
                    stdin=theirs.fileno(), stdout=null.fileno(), stderr=2,
                )  # fmt: skip
        except OSError:
            ours.close()
            raise
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
