"""Units: the table of declared sockets, and what makes a child of a unit start and end."""

from __future__ import annotations

import contextlib
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
from p42.keeper.spawn import FAILED
from p42.keeper.unit import TRIGGERS, WINDOW, Declaration, Life, Unit

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
        """Make it so: hold the port, start it if it is `always`. Same wish and port: no effect.

        Another digest on the same port: the old child drains while the new one answers. The same
        digest under another wish: the child that answers is told its new spec, and answers on.
        OSError when the port cannot be had; a unit that was there keeps what it has.
        """
        unit = self._units.get(declaration.name)
        here = unit is not None and declaration.port in (0, unit.listener.port)
        if unit is not None and here:
            if unit.declaration.digest == declaration.digest:
                if unit.declaration.wish != declaration.wish:
                    unit.declaration = declaration
                    self._inform(unit)
                return unit
            unit.declaration, unit.crashes = declaration, 0
            self._retire(unit)
        else:
            listener = Listener.bind(declaration.port)
            self.drop(declaration.name)
            unit = self._units[declaration.name] = Unit(declaration, listener)
            self._poll(unit)
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
            life.retiring = True
            life.channel.send({"op": "retire"})
            if life.child is not None:
                self._children.stop(life.child)
        unit.listener.close()

    def wake(self, name: str) -> Unit | None:
        """Start the child now, as a connection would; None = no such unit."""
        unit = self._units.get(name)
        if unit is not None and unit.state == "asleep":
            self._start(unit)
        return unit

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
        for life in unit.draining:
            if life.token == child.token:
                life.channel.close()
        unit.draining = [life for life in unit.draining if life.token != child.token]
        if unit.life is not None and unit.life.token == child.token:
            unit.ended(child, code)
            self._asleep(unit)
        self._changed(unit, "exited", pid=child.pid, code=code)

    def _changed(self, unit: Unit, event: str, **more: Any) -> None:
        name = unit.declaration.name
        self._tell({"event": event, "name": name, "row": unit.row(), **more})

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
            self._pause(unit, f"{TRIGGERS} starts within {WINDOW:.0f} s")
            return
        unit.state = "starting"
        try:
            self._fork(unit)
        except OSError as error:  # no process or descriptor left: the others go on
            self._pause(unit, error.strerror or str(error))

    def _fork(self, unit: Unit) -> None:
        """Ask the zygote for a child. OSError leaves nothing behind."""
        declaration = unit.declaration
        with contextlib.ExitStack() as held:
            ours, theirs = socket.socketpair()
            held.callback(theirs.close)
            channel_held = held.enter_context(contextlib.ExitStack())
            channel_held.callback(ours.close)
            reading, writing = os.pipe()
            held.callback(os.close, writing)
            log = Log(self._reactor, reading, Path(declaration.log))
            channel_held.callback(log.close)
            token = secrets.token_hex(8)
            life = Life(
                None, self._channel(ours, unit, token), declaration.digest, token, declaration.spec
            )
            channel_held.callback(life.channel.close)
            unit.life = life  # before the fork: a dead zygote says so while we ask
            self._nursery.fork(
                token,
                {
                    "spec": dict(declaration.spec), "env": dict(declaration.env),
                    "cwd": declaration.cwd, "limits": dict(declaration.limits),
                    "title": f"p42:{declaration.name.rpartition('/')[2]}",
                },
                [writing, theirs.fileno(), *unit.listener.filenos()],
                born=lambda pid: self._born(unit, life, pid, log),
            )  # fmt: skip
            channel_held.pop_all()

    def _inform(self, unit: Unit) -> None:
        """Tell the child its spec, if it was forked with another. Not born yet: when it is."""
        life, spec = unit.life, unit.declaration.spec
        if life is not None and life.child is not None and life.spec is not spec:
            life.spec = spec
            life.channel.send({"op": "spec", "spec": dict(spec)})

    def _channel(self, sock: socket.socket, unit: Unit, token: str) -> Channel:
        """The private channel of a child that is not born yet."""

        def heard(message: Message, fds: list[int]) -> None:
            for fd in fds:
                os.close(fd)
            self._heard(unit, token, message)

        return Channel(self._reactor, sock, heard=heard, gone=lambda: None)

    def _born(self, unit: Unit, life: Life, pid: int, log: Log) -> None:
        """The zygote told the pid (0: it could not): own the child, then let it run."""
        name = unit.declaration.name
        if pid == 0:
            log.close()
            life.channel.close()
            unit.draining = [each for each in unit.draining if each is not life]
            if unit.life is life and self._units.get(name) is unit:
                self._asleep(unit)
                if unit.declaration.always:
                    self._changed(unit, "exited", pid=0, code=FAILED)
            return
        life.child = Child(name, pid, life.token, log)
        self._children.add(life.child)
        if self._units.get(name) is not unit or life.retiring:
            self._children.stop(life.child)
            return
        unit.state = "awake"
        life.channel.raw(b"\n")
        self._inform(unit)
        self._changed(unit, "awake", pid=pid)

    def _pause(self, unit: Unit, why: str) -> None:
        unit.life = None
        unit.state = "paused"
        self._changed(unit, "paused", seconds=WINDOW, why=why)
        self._reactor.after(WINDOW, lambda: self._resume(unit))

    def _resume(self, unit: Unit) -> None:
        if unit.state == "paused" and self._units.get(unit.declaration.name) is unit:
            unit.state = "asleep"
            self._poll(unit)
            self._changed(unit, "resumed")

    def _heard(self, unit: Unit, token: str, message: Message) -> None:
        """From a child, over its private channel."""
        if message.get("op") != "retiring":
            self._tell({**message, "event": "said", "name": unit.declaration.name})
        elif unit.life is not None and unit.life.token == token:  # idle: it accepts no more
            self._retire(unit)
            self._changed(unit, "asleep")

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
