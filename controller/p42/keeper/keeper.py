"""Keeper: what the daemon may ask, and how long everything lives.

| what happens                                   | children        | keeper |
|------------------------------------------------|-----------------|--------|
| `end` from the daemon (`p42 stop`)             | end             | ends   |
| the daemon's connection closes (restart, crash)| live            | lives  |
| no daemon for `grace`                          | end             | ends   |
| the keeper dies                                | die with it     |        |

Messages of version 1, each with an `op` and a `seq` that the answer repeats:
declare, drop, wake, relay, run, signal, table, grace, zygote, end. Whoever sends one is the daemon
from then on; but for `look`, which tells the units to somebody who only wants to know them. What
happens by itself comes as `event`: declared, dropped, woken, awake, asleep, exited, paused,
resumed, said, ended. An event about a unit carries its row, and comes before the answer to what
made it so. Programs that were started with `attached` end when their daemon leaves: nobody reads
them any more.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from p42.keeper import spawn
from p42.keeper.address import address
from p42.keeper.channel import Channel
from p42.keeper.children import Child, Children
from p42.keeper.frames import VERSION, Message
from p42.keeper.lineage import lineage, pid_of_peer
from p42.keeper.nursery import Nursery
from p42.keeper.reactor import Reactor, Timer
from p42.keeper.unit import Declaration
from p42.keeper.units import Units

GUESTS = 8  # connections that have not said what they want, or only look
UNHEARD = 1000  # messages kept for a daemon to come; each at most about 4 KiB
SWEEP = 0.5  # s after an exit: orphans it left have reached us by then


class Keeper:
    """The state machine behind the socket. One daemon at a time; a newer one replaces an older."""

    def __init__(
        self,
        reactor: Reactor,
        listener: socket.socket,
        *,
        zygote: Sequence[str],
        grace: float,
        mark: Mapping[str, str],
    ) -> None:
        """`mark`: what programs have in their environment besides their own."""
        self._reactor, self._listener, self._mark = reactor, listener, dict(mark)
        self._children = Children(reactor, self._exited)
        self._nursery = Nursery(reactor, self._children, zygote)
        self._units = Units(reactor, self._children, nursery=self._nursery, tell=self._tell)
        self._grace = grace
        self._daemon: Channel | None = None
        self._guests: set[Channel] = set()
        self._alone: Timer | None = None
        self._sweeping = False
        self._ending = False
        # What companions were told while no daemon listened: the journal of messages has no gap.
        self._unheard: deque[Message] = deque(maxlen=UNHEARD)
        self._ops: dict[str, Callable[[Message, list[int]], dict[str, Any]]] = {
            "declare": self._declare, "drop": self._drop, "wake": self._wake,
            "relay": self._relay, "run": self._run, "signal": self._signal,
            "table": self._table, "grace": self._set_grace, "zygote": self._zygote,
            "end": self._end,
        }  # fmt: skip

    def begin(self) -> None:
        """Listen for a daemon; the grace period runs from here."""
        self._reactor.readable(self._listener.fileno(), self._accept)
        self._wait_for_daemon()

    def warm(self, code: str) -> None:
        """Have a zygote of `code` at hand. None to be had: the first fork asks once more."""
        with contextlib.suppress(OSError):
            self._nursery.warm(code)

    def reap(self) -> None:
        """On SIGCHLD."""
        self._children.reap()
        if self._ending and not self._children.all():
            self._reactor.end()
        elif not self._sweeping:
            self._sweeping = True
            self._reactor.after(SWEEP, self._sweep)

    def end(self) -> None:
        """Close every port, end every child, then the loop. Twice: no effect."""
        if self._ending:
            return
        self._ending = True
        self._reactor.forget(self._listener.fileno())
        self._listener.close()  # a daemon that comes now waits for our successor
        self._units.close()
        self._nursery.replace()
        for child in self._children.all():
            self._children.stop(child)
        if not self._children.all():
            self._reactor.end()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # it left, or there are no descriptors just now; it will try again
        ours = {os.getpid(), *(child.pid for child in self._children.all())}  # strays are below us
        if len(self._guests) >= GUESTS or not ours.isdisjoint(lineage(pid_of_peer(sock))):
            sock.close()  # a child of ours is no daemon, whatever it says
            return
        came: list[Channel] = []
        channel = Channel(
            self._reactor, sock,
            heard=lambda message, fds: self._told(came[0], message, fds),
            gone=lambda: self._left(came[0]),
        )  # fmt: skip
        came.append(channel)
        self._guests.add(channel)
        channel.send({"event": "hello", "version": VERSION, "pid": os.getpid()})

    def _told(self, channel: Channel, message: Message, fds: list[int]) -> None:
        """By the daemon, by one who only looks, or by one who is the daemon from now on."""
        if channel is not self._daemon:
            if message.get("op") == "look":
                for fd in fds:
                    os.close(fd)
                channel.send({"seq": message.get("seq"), "units": self._units.rows()})
                return
            self._follow(channel)
        self._heard(message, fds)

    def _follow(self, channel: Channel) -> None:
        """Do as this one says; the one before is let go."""
        self._guests.discard(channel)
        if self._alone is not None:
            self._alone.cancel()
        older, self._daemon = self._daemon, channel
        if older is not None:
            older.close()
        while self._unheard:
            channel.send(self._unheard.popleft())

    def _left(self, channel: Channel) -> None:
        self._guests.discard(channel)
        if channel is self._daemon:
            self._daemon = None
            for child in self._children.all():
                if child.attached:
                    child.signal(signal.SIGKILL)
            self._wait_for_daemon()

    def _wait_for_daemon(self) -> None:
        if self._alone is not None:
            self._alone.cancel()
        self._alone = self._reactor.after(self._grace, self.end)

    def _heard(self, message: Message, fds: list[int]) -> None:
        op = self._ops.get(str(message.get("op")))
        try:
            answer = op(message, fds) if op else {"error": "unknown", "op": message.get("op")}
        except OSError as error:
            answer = {"error": error.strerror or str(error), "errno": error.errno}
        except (KeyError, TypeError, ValueError) as error:
            answer = {"error": f"malformed: {error!r}"}
        finally:
            for fd in fds:
                os.close(fd)
        if self._daemon is not None:
            self._daemon.send({"seq": message.get("seq"), **answer})

    def _tell(self, message: Message) -> None:
        if self._daemon is not None:
            self._daemon.send(message)
        elif message.get("op") == "message":
            self._unheard.append(message)

    def _declare(self, message: Message, _: list[int]) -> dict[str, Any]:
        row = self._units.declare(Declaration.of(message)).row()
        self._tell({"event": "declared", "name": row["name"], "row": row})
        return {"unit": row}

    def _drop(self, message: Message, _: list[int]) -> dict[str, Any]:
        self._units.drop(message["name"])
        self._tell({"event": "dropped", "name": message["name"], "row": None})
        return {}

    def _wake(self, message: Message, _: list[int]) -> dict[str, Any]:
        unit = self._units.wake(message["name"])
        if unit is not None:
            self._tell({"event": "woken", "name": message["name"], "row": unit.row()})
        return {}

    def _relay(self, message: Message, _: list[int]) -> dict[str, Any]:
        return {"awake": self._units.relay(message["name"], message["message"])}

    def _run(self, message: Message, fds: list[int]) -> dict[str, Any]:
        """Start a program on the descriptors that came with the message."""
        stdin, stdout, stderr, *report = fds
        program = spawn.Program(
            message["argv"], {**message["env"], **self._mark}, message["cwd"],
            spawn.Limits(**message.get("limits", {})),
        )  # fmt: skip
        pid = spawn.start(
            program, stdin=stdin, stdout=stdout, stderr=stderr,
            report=report[0] if report else None,
        )  # fmt: skip
        child = Child(message["id"], pid, message.get("token", ""))
        child.attached = bool(message.get("attached", False))
        self._children.add(child)
        return {"pid": pid}

    def _signal(self, message: Message, _: list[int]) -> dict[str, Any]:
        """Signal, or with `grace` stop, every child of an id."""
        found = self._children.find(message["id"])
        for child in found:
            if "grace" in message:
                self._children.stop(child, message["grace"])
            else:
                child.signal(signal.Signals(message["signal"]))
        return {"signalled": len(found)}

    def _table(self, _message: Message, _: list[int]) -> dict[str, Any]:
        programs = [
            {
                "id": child.id, "pid": child.pid, "start": child.start, "token": child.token,
                "attached": child.attached,
            }
            for child in self._children.all()
        ]  # fmt: skip
        return {"units": self._units.rows(), "children": programs}

    def _set_grace(self, message: Message, _: list[int]) -> dict[str, Any]:
        self._grace = float(message["seconds"])
        return {}

    def _zygote(self, message: Message, _: list[int]) -> dict[str, Any]:
        """Have one at hand; one of another code is replaced."""
        self._nursery.warm(str(message.get("code", "")))
        return {}

    def _end(self, _message: Message, _: list[int]) -> dict[str, Any]:
        self._reactor.after(0.0, self.end)
        return {}

    def _exited(self, child: Child, code: int) -> None:
        self._units.exited(child, code)
        ended = {"id": child.id, "token": child.token, "pid": child.pid, "code": code}
        self._tell({"event": "ended", **ended})

    def _sweep(self) -> None:
        self._sweeping = False
        if self._nursery.busy:
            self._sweeping = True
            self._reactor.after(SWEEP, self._sweep)
        else:
            self._children.sweep()


def listen(path: Path) -> socket.socket:
    """The keeper's socket, 0600; replaces what a dead keeper left."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        with address(path) as where:
            sock.bind(where)
    finally:
        os.umask(before)
    sock.listen(8)
    sock.setblocking(False)
    return sock
