"""Units: the table of declared sockets, and what makes a child of a unit start and end."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from p42.keeper.channel import Channel
from p42.keeper.children import Child, Children
from p42.keeper.frames import Message
from p42.keeper.listener import Listener
from p42.keeper.logs import Log
from p42.keeper.nursery import Nursery
from p42.keeper.reactor import Reactor
from p42.keeper.unit import WINDOW, Declaration, Life, Unit

RETIRE_GRACE = 30.0  # s a retiring child may finish its conversations


class Units:
    """All units by name. `tell` carries what happened to the daemon, if one is there."""

    def __init__(
        self,
        reactor: Reactor,
        children: Children,
        *,
        nursery: Nursery,
        tell: Callable[[Message], None],
    ) -> None:
        self._reactor, self._children, self._nursery = reactor, children, nursery
        self._tell = tell
        self._units: dict[str, Unit] = {}

    def declare(self, declaration: Declaration) -> Unit:
        """Make it so: hold the port, start it if it is `always`. Same digest: no effect.

        Another digest on the same port: the old child drains while the new one answers.
        OSError when the port cannot be had; a unit that was there keeps what it has.
        """
        unit = self._units.get(declaration.name)
        if unit is not None and unit.declaration.digest == declaration.digest:
            return unit
        if unit is None or declaration.port not in (0, unit.listener.port):
            listener = Listener.bind(declaration.port)
            if unit is not None:
                self.drop(declaration.name)
            unit = self._units[declaration.name] = Unit(declaration, listener)
            self._poll(unit)
        else:
            unit.declaration = declaration
            self._retire(unit)
        if declaration.always:
            self._start(unit)
        return unit

    def drop(self, name: str) -> None:
        """Close the port and end its children. Unknown: no effect."""
        unit = self._units.pop(name, None)
        if unit is None:
            return
        self._unpoll(unit)
        for life in unit.lives():
            life.channel.send({"op": "retire"})
            if life.child is not None:
                self._children.stop(life.child)
        unit.listener.close()

    def wake(self, name: str) -> None:
        """Start the child now, as a connection would."""
        unit = self._units.get(name)
        if unit is not None and unit.state == "asleep":
            self._start(unit)

    def relay(self, name: str, message: Message) -> bool:
        """A message for the awake child (a probe); False when none is awake."""
        unit = self._units.get(name)
        if unit is None or unit.life is None or unit.state != "awake":
            return False
        unit.life.channel.send(message)
        return True

    def rows(self) -> list[dict[str, Any]]:
        """The whole table."""
        return [unit.row() for unit in self._units.values()]

    def close(self) -> None:
        """Give every port back."""
        for name in list(self._units):
            self.drop(name)

    def exited(self, child: Child, code: int) -> None:
        """A child of ours was reaped."""
        unit = self._units.get(child.id)
        if unit is None:
            return
        unit.draining = [life for life in unit.draining if life.token != child.token]
        if unit.life is not None and unit.life.token == child.token:
            unit.last_exit = code
            self._asleep(unit)
        self._tell({"event": "exited", "name": child.id, "pid": child.pid, "code": code})

    def _asleep(self, unit: Unit) -> None:
        if unit.life is not None:
            unit.life.channel.close()
        unit.life = None
        unit.state = "asleep"
        self._poll(unit)

    def _poll(self, unit: Unit) -> None:
        for fd in unit.listener.filenos():
            self._reactor.readable(fd, lambda: self._start(unit))

    def _unpoll(self, unit: Unit) -> None:
        for fd in unit.listener.filenos():
            self._reactor.forget(fd)

    def _start(self, unit: Unit) -> None:
        if unit.state != "asleep" or self._units.get(unit.declaration.name) is not unit:
            return
        self._unpoll(unit)
        if not unit.may_start():
            unit.state = "paused"
            self._tell({"event": "paused", "name": unit.declaration.name, "seconds": WINDOW})
            self._reactor.after(WINDOW, lambda: self._resume(unit))
            return
        unit.state = "starting"
        declaration = unit.declaration
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        log = Log(self._reactor, reading, Path(declaration.log))
        token = secrets.token_hex(8)
        life = Life(None, _unset(self._reactor, ours, unit, self), declaration.digest, token)
        unit.life = life
        fds = [writing, theirs.fileno(), *unit.listener.filenos()]
        self._nursery.fork(
            token,
            {
                "spec": dict(declaration.spec), "env": dict(declaration.env),
                "cwd": declaration.cwd, "limits": dict(declaration.limits),
                "title": f"p42:{declaration.name.rpartition('/')[2]}",
            },
            fds,
            born=lambda pid: self._born(unit, life, pid, log),
        )  # fmt: skip
        os.close(writing)
        theirs.close()

    def _born(self, unit: Unit, life: Life, pid: int, log: Log) -> None:
        """The zygote told the pid (0: it could not): own the child, then let it run."""
        name = unit.declaration.name
        if pid == 0:
            log.close()
            if unit.life is life:
                self._asleep(unit)
            return
        life.child = Child(name, pid, life.token, log)
        self._children.add(life.child)
        if self._units.get(name) is not unit or life.retiring:
            self._children.stop(life.child)
            return
        unit.state = "awake"
        life.channel.raw(b"\n")
        self._tell({"event": "awake", "name": name, "pid": pid})

    def _resume(self, unit: Unit) -> None:
        if unit.state == "paused":
            unit.state = "asleep"
            self._poll(unit)

    def heard(self, unit: Unit, message: Message) -> None:
        """From a child, over its private channel."""
        if message.get("op") == "retiring":  # idle: it has stopped accepting
            self._retire(unit)
            return
        self._tell({"event": "said", "name": unit.declaration.name, **message})

    def _retire(self, unit: Unit) -> None:
        """Let the child drain; the port is polled again at once."""
        life = unit.life
        if life is None:
            return
        life.retiring = True
        life.channel.send({"op": "retire"})
        unit.draining.append(life)
        unit.life = None
        unit.state = "asleep"
        self._poll(unit)
        if life.child is not None:
            child = life.child
            self._reactor.after(RETIRE_GRACE, lambda: self._children.stop(child))


def _unset(reactor: Reactor, sock: socket.socket, unit: Unit, units: Units) -> Channel:
    """The private channel of a child that is not born yet."""

    def heard(message: Message, fds: list[int]) -> None:
        for fd in fds:
            os.close(fd)
        units.heard(unit, message)

    return Channel(reactor, sock, heard=heard, gone=lambda: None)
