"""Companion: answers ping, health, info and chat on the listeners it was handed, then retires.

Its private channel goes to the keeper: probes come in with a nonce and go back with it, `retire`
asks it to finish. It has no key and cannot read one; a chat is a question to the daemon's broker.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from collections.abc import Mapping
from typing import Any

from p42.keeper.channel import Channel
from p42.keeper.frames import Message
from p42.keeper.peer import is_self, tells_owners, uid_of_peer
from p42.keeper.reactor import Reactor
from p42.keeper.slices import ask_short_slices
from p42.keeper.sweeps import sweep_lightly
from p42.keeper.turns import Turns
from p42.runtimes.companion.broker import Question
from p42.runtimes.companion.visitor import Visitor
from p42.wire.budget import Budget
from p42.wire.tekton import Said, fitted

AT_ONCE = 2  # connections accepted before others are heard again
MOST = 1024  # connections at once (CONTRACT, Wires); past that one that says nothing makes room
KEPT_DESCRIPTORS = 32  # what else it opens; a question of each visitor comes on top
SENTENCE = 200  # characters of an error a second time: all of it stays within one read
RESTED = 15.0  # s since its last line from which on a client may have to make room


def main(spec: Mapping[str, Any], private: socket.socket, listeners: list[int]) -> int:
    """The zygote's entry: run until retired. Returns the exit code."""
    # The default, which a fork begins with, ends all for one client that hangs up unanswered.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sweep_lightly()
    ask_short_slices()
    reactor = Reactor()
    Companion(reactor, spec, private, [socket.socket(fileno=fd) for fd in listeners])
    reactor.run()
    return 0


class Companion:
    """The state of one project's companion."""

    def __init__(
        self,
        reactor: Reactor,
        spec: Mapping[str, Any],
        private: socket.socket,
        listeners: list[socket.socket],
    ) -> None:
        self._reactor, self._spec, self._listeners = reactor, spec, listeners
        self._visitors: dict[Visitor, None] = {}  # in the order of their coming
        self._requests = 0
        self._most, self._budget = _most(), Budget()
        self._turns = Turns(lambda do: reactor.after(0.0, do))
        self._retiring = False
        self._tells = tells_owners()
        self._last = time.monotonic()
        self._keeper = Channel(reactor, private, heard=self._told, gone=reactor.end)
        for listener in listeners:
            reactor.readable(listener.fileno(), lambda sock=listener: self._accept(sock))  # type: ignore[misc]
        self._look_idle()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                return  # another child, or nobody any more, has it
            except OSError:
                if not self._make_room() and self._visitors:
                    next(iter(self._visitors)).close()  # no descriptor left: somebody has to go
                return
            # Another user of this machine has no business here; nor has a client that drew our
            # port as its own and connected to itself.
            if is_self(sock) or not self._may_enter(sock):
                sock.close()
                continue
            if len(self._visitors) >= self._most and not self._make_room():
                sock.close()
                continue
            self._last = time.monotonic()
            visitor = Visitor(
                self._reactor, sock, heard=self._heard, gone=self._visitors.pop, turns=self._turns,
                budget=self._budget,
            )  # fmt: skip
            self._visitors[visitor] = None

    def _may_enter(self, sock: socket.socket) -> bool:
        """Ours; where the system cannot tell whose it is, loopback is the only guard.

        Who has closed its end already is nobody: what it left in the pipe is not read.
        """
        return not self._tells or uid_of_peer(sock) in (os.getuid(), 0)

    def _make_room(self) -> bool:
        """Close who never said a line, the oldest first; else who has rested longest.

        False if everybody is talking: then there is no room.
        """
        quiet = next((one for one in self._visitors if one.spoke is None), None)
        if quiet is None:
            resting = (one for one in self._visitors if not one.busy)
            quiet = min(resting, key=lambda one: one.spoke or 0.0, default=None)
            if quiet is None or time.monotonic() - (quiet.spoke or 0.0) < RESTED:
                return False
        quiet.close()
        return True

    def _heard(self, visitor: Visitor, said: Said) -> None:
        self._last = time.monotonic()
        match said.type:
            case "ping":
                visitor.say({"type": "pong", **self._who(), "timestamp": time.monotonic()})
            case "health":
                visitor.say({"type": "health_response", **self._who(), **self._health()})
            case "info":
                visitor.say({"type": "info_response", **self._who(), **self._about()})
            case _ if not said.text.strip():
                visitor.say(self._error("content: there is no text in it to be answered"))
            case _:
                self._chat(visitor, said)

    def _chat(self, visitor: Visitor, said: Said) -> None:
        limit = self._spec.get("requests", 0)
        self._requests += 1
        if limit and sum(one.asked for one in self._visitors) >= limit:
            visitor.say(self._error(f"more than {limit} chats at once; limits.requests says so"))
            return
        visitor.asked += 1

        def answer(text: str, error: str) -> None:
            visitor.asked -= 1
            self._journal(said.text, text or error)
            reply = {"type": "response", **self._who(), "content": text}
            key = "error" if error else "content"
            reply = self._error(error) if error else reply
            # `whole`: ours to ask for; the originals read 4 KiB and take the rest for nothing.
            visitor.say(dict(reply if said.body.get("whole") is True else fitted(reply, key)))

        payload = {"project": self._spec["name"], "token": self._spec["token"],
                   "content": self._in_context(said.text)}  # fmt: skip
        Question(self._reactor, self._spec["broker"], payload, answer=answer)

    def _in_context(self, text: str) -> str:
        """`[Project: NAME] text`, unless the client has put it there already."""
        prefix = f"[Project: {self._spec['project']}] "
        return text if text.startswith(prefix) else prefix + text

    def _journal(self, asked: str, answered: str) -> None:
        self._keeper.send({"op": "message", "asked": asked[:2000], "answered": answered[:2000]})

    def _who(self) -> dict[str, object]:
        return {"ai_id": self._spec["aiId"]}

    def _error(self, text: str) -> dict[str, object]:
        # The originals show `content`, of an error too: without it, an empty text.
        return {"type": "error", **self._who(), "error": text, "content": text[:SENTENCE]}

    def _health(self) -> dict[str, object]:
        return {
            "status": "healthy", "component": self._spec["name"],
            "model": self._spec.get("model", ""), "clients": len(self._visitors),
        }  # fmt: skip

    def _about(self) -> dict[str, object]:
        context = str(self._spec.get("context", ""))
        return {
            "component": self._spec["name"],
            "description": f"Companion intelligence of {self._spec['project']}",
            "model_provider": self._spec.get("provider", ""),
            "model_name": self._spec.get("model", ""),
            "system_prompt": context[:200] + ("..." if len(context) > 200 else ""),
            "port": self._listeners[0].getsockname()[1] if self._listeners else 0,
        }

    def _told(self, message: Message, fds: list[int]) -> None:
        for fd in fds:
            os.close(fd)
        match message.get("op"):
            case "retire":
                self._retire()
            case "spec":  # another model answers by now
                self._spec = message["spec"]
            case "probe":
                usage = resource.getrusage(resource.RUSAGE_SELF)
                self._keeper.send(
                    {
                        "op": "probed", "nonce": message.get("nonce"),
                        "clients": len(self._visitors), "requests": self._requests,
                        "cpuMs": int((usage.ru_utime + usage.ru_stime) * 1000),
                    }
                )  # fmt: skip

    def _look_idle(self) -> None:
        """Retire when nobody has spoken for `idle` seconds; 0 = never."""
        idle = float(self._spec.get("idle", 0))
        if not idle or self._retiring:
            return
        left = self._last + idle - time.monotonic()
        if left <= 0 and not any(visitor.busy for visitor in self._visitors):
            self._keeper.send({"op": "retiring"})
            self._retire()
        else:
            self._reactor.after(max(left, 0.05), self._look_idle)

    def _retire(self) -> None:
        """Accept no more, finish what is owed, end. The listener stays open: it is the keeper's."""
        if self._retiring:
            return
        self._retiring = True
        for listener in self._listeners:
            self._reactor.forget(listener.fileno())
            listener.close()
        self._listeners.clear()
        for visitor in list(self._visitors):
            visitor.leave()
        self._leave()

    def _leave(self) -> None:
        if self._visitors:
            self._reactor.after(0.02, self._leave)
        else:
            self._reactor.end()


def _most() -> int:
    """MOST, or fewer where this process may open few files: each visitor may ask something."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    return max(8, min(MOST, (soft - KEPT_DESCRIPTORS) // 2))
